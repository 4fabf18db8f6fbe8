package transport

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
)

// MaxMessage is the largest message of a data channel, either way, in bytes:
// what Chromium sends at most, and enough for the clients' file pieces.
const MaxMessage = 262144

// Label of the one data channel of a connection.
const Label = "chat"

const (
	firstBuffer  = 4 << 10  // for reading; grows to the largest message
	keptBuffer   = 64 << 10 // a larger one is given back
	fullAt       = 1 << 20  // bytes queued for a client when writing begins to wait
	resumeAt     = 256 << 10
	defaultLimit = 65536
)

// Channel is the data channel. Its methods may be called concurrently.
type Channel struct {
	dc    *datachannel.DataChannel
	limit int // bytes that the client takes in one message

	mu sync.Mutex
	// Guarded by mu.
	drained *sync.Cond
	closed  bool
}

// ErrTooLarge is for a message larger than the client takes.
var ErrTooLarge = errors.New("transport: message larger than the client takes")

// Send sends one message of text. It waits while more than 1 MiB is queued for
// the client, which bounds what a slow one costs.
func (c *Channel) Send(text []byte) error {
	if len(text) > c.limit {
		return ErrTooLarge
	}
	c.mu.Lock()
	for !c.closed && c.dc.BufferedAmount() > fullAt {
		c.drained.Wait()
	}
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return errClosed
	}
	if _, err := c.dc.WriteDataChannel(text, true); err != nil {
		return fmt.Errorf("transport: data channel: %w", err)
	}
	return nil
}

func (c *Channel) close() {
	c.mu.Lock()
	c.closed = true
	c.drained.Broadcast()
	c.mu.Unlock()
}

// run is the runner's goroutine: handshakes, then the data channel.
func (t *Transport) run(pipe *dtlsPipe, remote Remote, role Role) {
	defer t.running.Done()
	if err := t.handshake(pipe, remote, role); err != nil {
		t.fail(err)
		return
	}
	t.become(Connected)
	if role.NoChannel {
		return
	}
	association, err := sctp.ClientWithOptions(
		sctp.WithNetConn(t.secureConn), sctp.WithLoggerFactory(t.endpoint.loggers),
		sctp.WithMaxMessageSize(max(remote.MaxMessageSize, defaultLimit)),
	)
	if err != nil {
		t.fail(fmt.Errorf("transport: SCTP: %w", err))
		return
	}
	defer func() { _ = association.Close() }()
	c, err := t.openChannel(association, remote, role)
	if err != nil {
		t.fail(err)
		return
	}
	t.handler.Open(c)
	t.readChannel(c)
	c.close()
	t.handler.Shut()
}

// fail reports the end of a connection that is not being closed.
func (t *Transport) fail(err error) {
	select {
	case <-t.closed:
	default:
		t.endpoint.log.Debug("connection failed", "err", err)
		t.become(Failed)
	}
}

func (t *Transport) openChannel(a *sctp.Association, remote Remote, role Role) (*Channel, error) {
	c := &Channel{limit: int(min(max(remote.MaxMessageSize, defaultLimit), MaxMessage))}
	c.drained = sync.NewCond(&c.mu)
	config := &datachannel.Config{
		ChannelType: datachannel.ChannelTypeReliable, Label: Label, LoggerFactory: t.endpoint.loggers,
	}
	var err error
	if role.OpenChannel {
		// The DTLS server's streams are the odd ones (RFC 8832 section 6).
		id := uint16(1)
		if role.DTLSClient {
			id = 0
		}
		c.dc, err = datachannel.Dial(a, id, config)
	} else {
		c.dc, err = datachannel.Accept(a, config)
	}
	if err != nil {
		return nil, fmt.Errorf("transport: data channel: %w", err)
	}
	c.dc.SetBufferedAmountLowThreshold(resumeAt)
	c.dc.OnBufferedAmountLow(func() {
		c.mu.Lock()
		c.drained.Broadcast()
		c.mu.Unlock()
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending {
		return nil, errClosed
	}
	t.channel = c
	return c, nil
}

// readChannel reads messages until the channel ends.
func (t *Transport) readChannel(c *Channel) {
	buffer := make([]byte, firstBuffer)
	for {
		n, isText, err := c.dc.ReadDataChannel(buffer)
		switch {
		case errors.Is(err, io.ErrShortBuffer) && len(buffer) < MaxMessage:
			buffer = make([]byte, min(max(2*len(buffer), n), MaxMessage))
			continue
		case err != nil:
			return
		}
		t.handler.Message(buffer[:n], isText)
		if len(buffer) > keptBuffer {
			buffer = make([]byte, firstBuffer)
		}
	}
}
