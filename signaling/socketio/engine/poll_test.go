package engine_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/socketio/engine"
)

func TestTwoPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{})
		query, r := b.open()
		first := make(chan string)
		go func() {
			_, body := b.do("GET", query, "")
			first <- body
		}()
		synctest.Wait()
		b.want(400, "", "GET", query, "")
		if got := <-first; got != "1" {
			t.Errorf("the waiting poll got %q", got)
		}
		<-r.closed
		b.want(400, "", "GET", query, "")
	})
}

func TestTwoPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{})
		query, r := b.open()
		body, writer := io.Pipe()
		first := make(chan int)
		go func() {
			status, _ := b.doWith(t.Context(), "POST", query, body)
			first <- status
		}()
		synctest.Wait()
		b.want(400, "", "POST", query, "4second")
		_ = writer.Close()
		<-first
		<-r.closed
	})
}

func TestPollGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{})
		query, r := b.open()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		b.doWith(ctx, "GET", query, nil)
		if <-r.closed {
			t.Error("a poll given up counts as an orderly end")
		}
		b.want(400, "", "GET", query, "")
	})
}

// timed is an answer that notes the deadline set for it.
type timed struct {
	*httptest.ResponseRecorder
	deadline, body time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error {
	w.body = t
	return nil
}

func (w *timed) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

// TestPostHasADeadline holds that the body of a POST has a deadline, whatever
// stands before the handler.
func TestPostHasADeadline(t *testing.T) {
	b := newBench(t, engine.Options{})
	query, _ := b.open()
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	b.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/engine.io/?"+query, strings.NewReader("4hello")))
	if left := time.Until(w.body); left <= 0 || left > time.Minute {
		t.Errorf("the body may take %v", left)
	}
}

// TestPollHasADeadline holds that a client which never reads the answer to its
// poll does not keep it.
func TestPollHasADeadline(t *testing.T) {
	b := newBench(t, engine.Options{})
	query, r := b.open()
	r.session.Send([]byte("4hello"))
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	b.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/engine.io/?"+query, nil))
	if left := time.Until(w.deadline); w.Body.String() != "4hello" || left <= 0 || left > time.Minute {
		t.Errorf("the answer %q may take %v", w.Body, left)
	}
}
