package wsjson

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"lectern/signaling/conn"
	"lectern/signaling/fault"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
)

// FuzzFrames sends any bytes as what a client says after its handshake, in
// pieces of any size: fragments, control frames between them, masks, lengths
// and close codes. Up to the first fault of the client each ping of WebSocket is
// answered by its pong and each message `ping` by its ack, in order; nothing
// after it is answered. What the server writes are frames themselves, and it
// holds nothing when it is over.
func FuzzFrames(f *testing.F) {
	const ask = `{"event":"ping","id":1}`
	f.Add([]byte(frameOf(true, 1, ask)+frameOf(true, 9, "x")+frameOf(true, 8, "\x03\xe8")), uint8(0))
	f.Add([]byte(frameOf(false, 1, ask[:5])+frameOf(true, 9, "between")+frameOf(false, 0, ask[5:9])+frameOf(true, 10, "")+frameOf(true, 0, ask[9:])), uint8(1))
	f.Add([]byte(frameOf(true, 1, ask)+frameOf(true, 0, "a rest of nothing")+frameOf(true, 1, ask)), uint8(3))
	f.Add([]byte(frameOf(false, 1, ask)+frameOf(true, 1, ask)), uint8(7))
	f.Add([]byte(frameOf(true, 2, "binary")+frameOf(true, 9, "")), uint8(0))
	f.Add([]byte(frameOf(true, 1, strings.Repeat(" ", 200)+ask)+frameOf(true, 9, strings.Repeat("p", 126))), uint8(50))
	f.Add([]byte(frameOf(true, 8, "\x03\xed")), uint8(0))
	f.Add([]byte(frameOf(true, 8, "\x03\xe8\xff")), uint8(0))
	f.Add([]byte(frameOf(true, 8, "x")+frameOf(true, 1, ask)), uint8(0))
	f.Add([]byte("\x81\x05hello"), uint8(0))                                  // no mask
	f.Add([]byte("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00mask"), uint8(0))   // a length that is no number
	f.Add([]byte("\x81\xfe\x00\x02\x00\x00\x00\x00{}\x89\x80mask"), uint8(0)) // a length that is longer than it need be
	f.Add([]byte("\xc1\x80mask"), uint8(0))                                   // a bit that nobody agreed on
	f.Add([]byte(frameOf(true, 1, strings.Repeat("a", 3000))), uint8(0))
	hub := room.NewHub(room.Settings{
		NewPlane: func(string, room.Policy) media.Plane { return p2p.New() }, NewToken: func() string { return "" },
	}, slog.New(slog.DiscardHandler))
	f.Cleanup(hub.Close)
	h := New(conn.NewServer(hub, conn.Options{Rate: 1e6, Burst: 1e6}), Options{MaxPayload: 2 << 10, PingInterval: time.Hour})
	f.Fuzz(func(t *testing.T, said []byte, piece uint8) {
		before := fault.Count()
		end := &script{said: said, piece: int(piece) + 1, closed: make(chan struct{})}
		end.play(h)
		if fault.Count() != before {
			t.Error("a fault was contained")
		}
		// The writer ends by itself when it finds the connection closed.
		for limit := time.Now().Add(20 * time.Second); h.server.Budget().Used() != 0; runtime.Gosched() {
			if time.Now().After(limit) {
				t.Fatalf("%d bytes are counted after the end", h.server.Budget().Used())
			}
		}
		pongs, acks, ended := answersTo(said, 2<<10)
		written := end.written()
		var gotPongs []string
		gotAcks, closes := 0, 0
		for _, fr := range framesOf(t, written[bytes.Index(written, []byte("\r\n\r\n"))+4:]) {
			switch {
			case closes > 0:
				t.Errorf("the server goes on after its close frame: %q", fr.data)
			case fr.op == 10:
				gotPongs = append(gotPongs, fr.data)
			case fr.op == 8:
				closes++
			case strings.HasPrefix(fr.data, `{"event":"ack"`):
				gotAcks++
			}
		}
		// What is queued when the client's bytes end may not be written any more.
		if len(gotPongs) > len(pongs) || fmt.Sprint(gotPongs) != fmt.Sprint(pongs[:len(gotPongs)]) {
			t.Errorf("the pongs %q, want %q", gotPongs, pongs)
		}
		if ended && len(gotPongs) != len(pongs) {
			t.Errorf("the pongs %q, want all of %q", gotPongs, pongs)
		}
		if gotAcks > acks {
			t.Errorf("%d messages are acknowledged, and there are %d", gotAcks, acks)
		}
		if ended && closes == 0 {
			t.Error("the client did wrong, or said goodbye, and no close frame answers it")
		}
	})
}

type wireFrame struct {
	fin  bool
	op   byte
	data string
}

// frameOf is a frame as a client writes it (RFC 6455 section 5.2).
func frameOf(fin bool, op byte, data string) string {
	head := []byte{op, 0x80}
	if fin {
		head[0] |= 0x80
	}
	switch n := len(data); {
	case n < 126:
		head[1] |= byte(n)
	default:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	}
	return string(head) + "\x00\x00\x00\x00" + data
}

// next reads one frame. It reports an error of the client's, and whether there
// is a whole frame.
func next(b []byte, masked bool, limit int) (fr wireFrame, rest []byte, whole, bad bool) {
	if len(b) < 2 {
		return fr, nil, false, false
	}
	fr.fin, fr.op = b[0]&0x80 != 0, b[0]&15
	control := fr.op >= 8
	n := int(b[1] & 127)
	if b[0]&0x70 != 0 || (b[1]&0x80 != 0) != masked || fr.op > 10 || fr.op > 2 && !control || control && (!fr.fin || n > 125) {
		return fr, nil, false, true
	}
	at := 2
	switch n {
	case 126:
		at += 2
		if len(b) < at {
			return fr, nil, false, false
		}
		n = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		at += 8
		if len(b) < at {
			return fr, nil, false, false
		}
		if long := binary.BigEndian.Uint64(b[2:]); long > uint64(limit) {
			return fr, nil, false, true // more than is taken, or no number
		}
		n = int(binary.BigEndian.Uint64(b[2:]))
	}
	if masked {
		at += 4
	}
	if len(b) < at+n {
		return fr, nil, false, false
	}
	data := bytes.Clone(b[at : at+n])
	if masked {
		for i := range data {
			data[i] ^= b[at-4+i%4]
		}
	}
	fr.data = string(data)
	return fr, b[at+n:], true, false
}

// answersTo is what a client's bytes ask for: the pongs, the most acks, and
// whether a goodbye or a fault in the order of the frames follows. The server
// listens to no message after one that is wrong in itself, but reads on.
func answersTo(said []byte, limit int) (pongs []string, acks int, ended bool) {
	var message []byte
	open, deaf := false, false
	for {
		fr, rest, whole, bad := next(said, true, len(said))
		if bad || !whole {
			return pongs, acks, false
		}
		said = rest
		switch {
		case fr.op == 9:
			pongs = append(pongs, fr.data)
			continue
		case fr.op == 10:
			continue
		case fr.op == 8:
			return pongs, acks, true
		case open != (fr.op == 0):
			return pongs, acks, true
		}
		message = append(message, fr.data...)
		open = !fr.fin
		deaf = deaf || len(message) > limit || fr.op == 2
		if !fr.fin {
			continue
		}
		deaf = deaf || !utf8.Valid(message)
		if !deaf {
			acks++
		}
		message = nil
	}
}

// framesOf reads what the server wrote, which may break off.
func framesOf(t *testing.T, b []byte) (frames []wireFrame) {
	for {
		fr, rest, whole, bad := next(b, false, len(b))
		if bad {
			t.Fatalf("the server writes what is no frame: %q", b)
		}
		if !whole {
			return frames
		}
		frames, b = append(frames, fr), rest
	}
}

// script is both a connection whose client says what it is to say and then
// ends, and the answer to its handshake.
type script struct {
	said   []byte // of the reader
	piece  int
	closed chan struct{}
	once   sync.Once

	mu sync.Mutex
	// Guarded by mu: what the server has written.
	out bytes.Buffer
}

// play has a handler serve the connection to its end.
func (s *script) play(h *Handler) {
	r := httptest.NewRequest(http.MethodGet, "/ws", nil)
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
		r.Header.Set(k, v)
	}
	h.ServeHTTP(s, r)
	<-s.closed
	h.readers.Wait()
}

func (s *script) written() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.out.Bytes())
}

func (s *script) Header() http.Header { return http.Header{} }
func (s *script) WriteHeader(int)     {}
func (s *script) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return s, bufio.NewReadWriter(bufio.NewReader(s), bufio.NewWriter(s)), nil
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.said) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.said[:min(s.piece, len(s.said))])
	s.said = s.said[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	return s.out.Write(b)
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// TestPingsAreLimited holds that a flood of pings of WebSocket is answered like
// a flood of messages: some are, and then the connection ends.
func TestPingsAreLimited(t *testing.T) {
	hub := room.NewHub(room.Settings{
		NewPlane: func(string, room.Policy) media.Plane { return p2p.New() }, NewToken: func() string { return "" },
	}, slog.New(slog.DiscardHandler))
	t.Cleanup(hub.Close)
	h := New(conn.NewServer(hub, conn.Options{Rate: 10, Burst: 100}), Options{PingInterval: time.Hour})
	end := &script{said: []byte(strings.Repeat(frameOf(true, 9, "x"), 5000)), piece: 1 << 10, closed: make(chan struct{})}
	end.play(h)
	pongs := 0
	written := end.written()
	for _, fr := range framesOf(t, written[bytes.Index(written, []byte("\r\n\r\n"))+4:]) {
		if fr.op == 10 {
			pongs++
		}
	}
	if pongs < 50 || pongs > 200 {
		t.Errorf("of 5000 pings %d are answered, want some 100", pongs)
	}
}
