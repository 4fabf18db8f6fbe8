package engine

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/door"
)

// refusal is why a request is not served, as the reference server says it.
type refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func refuse(code int) *refusal {
	messages := [...]string{
		"Transport unknown", "Session ID unknown", "Bad handshake method",
		"Bad request", "Forbidden", "Unsupported protocol version",
	}
	status := http.StatusBadRequest
	if code == codeForbidden {
		status = http.StatusForbidden
	}
	return &refusal{status, code, messages[code]}
}

const (
	codeTransport = iota
	codeSession
	codeMethod
	codeRequest
	codeForbidden
	codeVersion
)

const (
	polling  = "polling"
	overWS   = "websocket"
	protocol = "4"
)

// ServeHTTP serves one request of a client. A poll lasts until there is
// something to say, so neither a WriteTimeout below the ping interval nor a
// middleware that ends requests early may stand before it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	origin, ok := h.options.Allow(r)
	header := w.Header()
	header.Add("Vary", "Origin")
	if ok && origin != "" {
		header.Set("Access-Control-Allow-Origin", origin)
	}
	switch {
	case !ok:
		answerRefusal(w, refuse(codeForbidden))
		return
	case r.Method == http.MethodOptions:
		header.Set("Access-Control-Allow-Methods", "GET, POST")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			header.Set("Access-Control-Allow-Headers", asked)
			header.Add("Vary", "Access-Control-Request-Headers")
		}
		header.Set("Access-Control-Max-Age", "7200")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s, no := h.route(r)
	switch {
	case no != nil:
		answerRefusal(w, no)
	case s != nil && websocket.IsWebSocketUpgrade(r):
		h.upgrade(s, w, r)
	case s != nil && r.Method == http.MethodGet:
		s.get(w, r)
	case s != nil:
		s.post(w, r)
	default:
		h.handshake(w, r)
	}
}

// route finds the session of a request, nil for a handshake. The order of the
// checks is the reference server's.
func (h *Handler) route(r *http.Request) (*Session, *refusal) {
	q := r.URL.Query()
	transport, isWS := q.Get("transport"), websocket.IsWebSocketUpgrade(r)
	if transport != polling && transport != overWS {
		return nil, refuse(codeTransport)
	}
	if id := q.Get("sid"); id != "" {
		s := h.find(id)
		switch {
		case s == nil:
			return nil, refuse(codeSession)
		case isWS != (transport == overWS), r.Method != http.MethodGet && (isWS || r.Method != http.MethodPost):
			return nil, refuse(codeRequest)
		}
		return s, nil
	}
	switch {
	case r.Method != http.MethodGet:
		return nil, refuse(codeMethod)
	case isWS != (transport == overWS):
		return nil, refuse(codeRequest)
	case q.Get("EIO") != protocol:
		return nil, refuse(codeVersion)
	}
	return nil, nil
}

func answerRefusal(w http.ResponseWriter, no *refusal) {
	body, _ := json.Marshal(no) // of two plain fields
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(no.status)
	_, _ = w.Write(body)
}

// handshake opens a session.
func (h *Handler) handshake(w http.ResponseWriter, r *http.Request) {
	s := h.add(r)
	if s == nil {
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		s.begin(nil, nil)
		s.answerPoll(w, s.openPacket([]string{overWS}))
		return
	}
	if !h.start() {
		s.discard()
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil { // Upgrade has answered
		h.running.Done()
		s.discard()
		return
	}
	s.begin(ws, door.Of(r.Context()))
	go s.read(ws)
}

// openPacket is the answer to a handshake (protocol 4, section "Handshake").
func (s *Session) openPacket(upgrades []string) []byte {
	o := s.handler.options
	data, _ := json.Marshal(struct { // of plain fields
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{s.id, upgrades, int64(o.PingInterval / time.Millisecond), int64(o.PingTimeout / time.Millisecond), o.MaxPayload})
	return append([]byte{packetOpen}, data...)
}
