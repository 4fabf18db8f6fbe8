package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/protocol"
)

// socket is one WebSocket connection.
type socket struct {
	ws *websocket.Conn
	mu sync.Mutex // held while writing
}

// frame is a message as it is on the wire.
type frame struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data,omitempty"`
	ID    int64           `json:"id,omitempty"`
}

// ack is the answer to a message with an id.
type ack struct {
	data json.RawMessage
	err  error
}

func (c *Client) dial(ctx context.Context) (*socket, error) {
	ws, res, err := c.options.Dialer.DialContext(ctx, c.url, c.options.Header)
	if err != nil {
		if res != nil {
			return nil, fmt.Errorf("client: the server answered %s: %w", res.Status, err)
		}
		return nil, fmt.Errorf("client: connect: %w", err)
	}
	s := &socket{ws: ws}
	pong := ws.PingHandler()
	ws.SetPingHandler(func(text string) error {
		_ = ws.SetReadDeadline(time.Now().Add(silence))
		return pong(text)
	})
	return s, nil
}

func (s *socket) write(f frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("client: encode %s: %w", f.Event, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.ws.SetWriteDeadline(time.Now().Add(writeTime))
	if err := s.ws.WriteMessage(websocket.TextMessage, b); err != nil {
		return fmt.Errorf("client: send %s: %w", f.Event, err)
	}
	return nil
}

// close says goodbye, if that takes no time, and closes.
func (s *socket) close() {
	_ = s.ws.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = s.ws.Close()
}

// Emit sends an event without asking for an acknowledgement. data is encoded as
// JSON; nil sends none.
func (c *Client) Emit(event string, data any) error { return c.sendFrame(event, data, 0) }

func (c *Client) sendFrame(event string, data any, id int64) error {
	f := frame{Event: event, ID: id}
	if data != nil {
		b, err := protocol.Encode(data)
		if err != nil {
			return err
		}
		f.Data = b
	}
	c.mu.Lock()
	s := c.socket
	c.mu.Unlock()
	return s.write(f)
}

// Call sends an event and waits for its acknowledgement. A refusal is a
// *Refused. When the socket drops meanwhile, the error says so.
func (c *Client) Call(ctx context.Context, event string, data any) (json.RawMessage, error) {
	done := make(chan ack, 1)
	c.mu.Lock()
	c.lastAck++
	id := c.lastAck
	c.acks[id] = done
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.acks, id)
		c.mu.Unlock()
	}()
	if err := c.sendFrame(event, data, id); err != nil {
		return nil, err
	}
	select {
	case a := <-done:
		return a.data, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("client: no answer to %s: %w", event, ctx.Err())
	case <-c.ended:
		return nil, c.Err()
	}
}

// listen reads the socket, and those that follow it, until the client ends.
func (c *Client) listen(s *socket) {
	for {
		err := c.read(s)
		_ = s.ws.Close()
		c.failCalls(fmt.Errorf("client: the connection dropped: %w", err))
		kicked := websocket.IsCloseError(err, closeKicked)
		if kicked || c.options.Stay {
			// finish waits for nothing that waits for this goroutine.
			c.finish(fmt.Errorf("client: the server ended it: %w", err))
			return
		}
		if s = c.comeBack(); s == nil {
			return
		}
	}
}

// read takes what comes until the connection ends, and says why.
func (c *Client) read(s *socket) error {
	for {
		_ = s.ws.SetReadDeadline(time.Now().Add(silence))
		_, b, err := s.ws.ReadMessage()
		if err != nil {
			return err
		}
		var f struct {
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
			ID    json.RawMessage `json:"id"` // the server acknowledges numbers as they came
		}
		if err := json.Unmarshal(b, &f); err != nil {
			return fmt.Errorf("client: the server sent a frame that is no message: %w", err)
		}
		if f.Event == "ack" {
			var id int64
			if json.Unmarshal(f.ID, &id) == nil {
				c.acknowledged(id, f.Data)
			}
			continue
		}
		c.mu.Lock()
		c.counts[f.Event]++
		c.mu.Unlock()
		c.do(func() {
			if c.options.OnEvent != nil {
				c.options.OnEvent(f.Event, f.Data)
			}
			if err := c.handle(f.Event, f.Data); err != nil {
				c.log.Warn("an event could not be followed", "event", f.Event, "error", err)
				c.fault(err)
			}
			c.notify()
		})
	}
}

func (c *Client) acknowledged(id int64, data json.RawMessage) {
	c.mu.Lock()
	done := c.acks[id]
	delete(c.acks, id)
	c.mu.Unlock()
	if done == nil {
		return
	}
	var refusal struct {
		Error *protocol.ErrorMessage `json:"error"`
	}
	if json.Unmarshal(data, &refusal) == nil && refusal.Error != nil {
		done <- ack{err: &Refused{*refusal.Error}}
		return
	}
	done <- ack{data: data}
}

// failCalls tells those who wait for an answer that it will not come.
func (c *Client) failCalls(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, done := range c.acks {
		delete(c.acks, id)
		done <- ack{err: err}
	}
}

// comeBack connects again and says who it was. It returns nil when the client
// has ended.
func (c *Client) comeBack() *socket {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return nil
		}
		s, err := c.dial(c.ctx)
		if err != nil {
			c.log.Info("not back yet", "error", err)
			continue
		}
		c.mu.Lock()
		over, in := c.err != nil, c.state.In
		c.socket = s
		again := reconnect{identity: c.identity(), ResumeToken: c.resume}
		c.mu.Unlock()
		if over {
			s.close()
			return nil
		}
		if !in {
			return s
		}
		again.Role, again.Token = "", "" // the server knows
		b, err := protocol.Encode(again)
		if err == nil {
			err = s.write(frame{Event: protocol.EventReconnect, Data: b})
		}
		if err == nil {
			return s
		}
		_ = s.ws.Close()
	}
}

// Drop ends the socket as a network that fails does. The client comes back.
func (c *Client) Drop() {
	c.mu.Lock()
	s := c.socket
	c.mu.Unlock()
	_ = s.ws.NetConn().Close()
}

// IsRefused reports whether an error is a refusal with this word.
func IsRefused(err error, t protocol.ErrorType) bool {
	var r *Refused
	return errors.As(err, &r) && r.Type == t
}
