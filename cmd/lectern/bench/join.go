package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"lectern/cmd/lectern/client"
	"lectern/signaling/protocol"
)

const (
	joinTime = 20 * time.Second // for one member
	// modeTime is how long a room may take until the server has its media.
	modeTime = 8 * time.Second
)

// fill has everybody join, at the plan's rate: publishers first, since the one
// who comes first is host. The times between two differ, so that joins are not in
// step with sounds and pictures. Where already the first one is not let in, or the
// media of the first ones does not go through the server, nobody else tries.
func (c *crowd) fill(ctx context.Context) error {
	every := time.Second / time.Duration(c.plan.JoinRate)
	due := time.Now()
	for i, m := range c.list {
		switch {
		case i == 1:
			c.joins.Wait()
			if err := c.list[0].err; err != nil {
				return fmt.Errorf("the first member could not join: %w", err)
			}
		case !m.publishes && c.list[i-1].publishes:
			c.joins.Wait()
		case i == c.plan.Rooms*(c.plan.Publishers+1):
			// A listener has the server take a room of mode auto. In one that stays
			// peer to peer each that comes would cost all the others a connection.
			c.joins.Wait()
			if err := c.settle(ctx); err != nil {
				return err
			}
		}
		c.joins.Go(func() { c.join(ctx, m) })
		due = due.Add(every)
		jitter := time.Duration((mathrand.Float64() - 0.5) * float64(every)) //nolint:gosec // no secret
		if !wait(ctx, time.Until(due.Add(jitter))) {
			return ctx.Err()
		}
	}
	c.joins.Wait()
	return c.settle(ctx)
}

// settle waits until nothing keeps the rooms from being measured, or says what
// does.
func (c *crowd) settle(ctx context.Context) error {
	for began := time.Now(); ; {
		last, err := c.astray()
		if err == nil || last || time.Since(began) > modeTime {
			return err
		}
		if !wait(ctx, lookEvery) {
			return ctx.Err()
		}
	}
}

func (c *crowd) join(ctx context.Context, m *member) {
	defer close(m.done)
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	asked := time.Now()
	cl, err := c.enter(ctx, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	m.asked, m.client, m.err = asked, cl, err
	c.finished++
	if err == nil {
		c.joined++
	}
}

func (c *crowd) enter(ctx context.Context, m *member) (*client.Client, error) {
	o := client.Options{
		Name: m.name, Room: fmt.Sprintf("%s-%d", c.prefix, m.room+1), Engine: c.engine, Dialer: c.dialer,
		Old: m.isOld, Light: !m.isOld, Stay: true,
	}
	if !m.publishes && !m.isOld {
		o.Role = protocol.RoleAudience
	}
	cl, err := client.Dial(ctx, c.plan.URL, o)
	if err != nil {
		return nil, c.explain(err)
	}
	if m.publishes {
		if err := cl.Publish(c.plan.media()); err != nil {
			cl.Close()
			return nil, err
		}
	}
	if err := cl.Join(ctx); err != nil {
		cl.Close()
		return nil, c.explain(err)
	}
	return cl, nil
}

// explain adds what is likely to be the matter when a member cannot join.
func (c *crowd) explain(err error) error {
	var record tls.RecordHeaderError
	hint := ""
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		hint = "--insecure takes any certificate"
	case errors.As(err, &record):
		hint = "this is no https server; write http://"
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "no server is there; --url says where it is"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		hint = "bench may open no more files; see ulimit -n"
	case errors.Is(err, websocket.ErrBadHandshake):
		hint = "what answers at " + c.plan.URL + " is not Lectern, or wants https"
	case client.IsRefused(err, protocol.ErrRoomFull):
		hint = "see the server's --max-members"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		hint = fmt.Sprintf("there was no answer within %v; a server that may open no more files is silent, see ulimit -n there", joinTime)
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}
