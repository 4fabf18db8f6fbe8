package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
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
	// maxChunks is how many pieces of messages wait for a handler. pion bounds
	// only their bytes, and one of a byte costs a hundred.
	maxChunks = 16384
)

// How long Send waits for a client.
const (
	stalledAfter = 15 * time.Second // that takes nothing at all
	sendPatience = 60 * time.Second // that takes next to nothing
)

// The errors of Send, besides those of a closed connection.
var (
	// ErrTooLarge is for a message larger than the client takes.
	ErrTooLarge = errors.New("transport: message larger than the client takes")
	// ErrStalled is for a client that does not take what was sent to it.
	ErrStalled = errors.New("transport: the client takes no messages")
)

// stream is what a Channel needs of pion's.
type stream interface {
	BufferedAmount() uint64
	WriteDataChannel(data []byte, isText bool) (int, error)
}

// Channel is the data channel. Its methods may be called concurrently.
type Channel struct {
	stream stream
	limit  int // bytes that the client takes in one message

	turn    chan struct{} // full while a Send has it
	stalled bool          // owned by who has the turn
	drained chan struct{} // holds one if the queue became short
	closed  chan struct{}
	once    sync.Once // closes closed
}

func newChannel(remote Remote) *Channel {
	return &Channel{
		limit: messageLimit(remote),
		turn:  make(chan struct{}, 1), drained: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

func messageLimit(remote Remote) int {
	if remote.MaxMessageSize == 0 {
		return defaultLimit
	}
	return int(min(remote.MaxMessageSize, MaxMessage))
}

// Send queues one message of text for the client. While more than 1 MiB is
// queued it waits, which bounds what a slow client costs: until less than
// 256 KiB is left, or the connection closes. If the client takes nothing for
// 15 s, or too little for 60 s, it returns ErrStalled and the message is not
// sent; so do all others at once, until less than 1 MiB is queued. Messages of
// concurrent calls are sent in some order.
func (c *Channel) Send(text []byte) error {
	if len(text) > c.limit {
		return ErrTooLarge
	}
	select {
	case <-c.closed:
		return errClosed
	case c.turn <- struct{}{}:
	}
	defer func() { <-c.turn }()
	if err := c.waitForRoom(); err != nil {
		return err
	}
	if _, err := c.stream.WriteDataChannel(text, true); err != nil {
		return fmt.Errorf("transport: data channel: %w", err)
	}
	return nil
}

// waitForRoom is called by one Send at a time. low puts a token into drained
// each time the queue becomes short; one from before does no harm, since the
// queue is looked at again.
func (c *Channel) waitForRoom() error {
	queued := c.stream.BufferedAmount()
	switch {
	case queued <= fullAt:
		c.stalled = false
		return c.open()
	case c.stalled:
		return ErrStalled
	}
	started := time.Now()
	stalled := time.NewTimer(stalledAfter)
	defer stalled.Stop()
	for queued > resumeAt {
		select {
		case <-c.closed:
			return errClosed
		case <-c.drained:
		case <-stalled.C:
			now := c.stream.BufferedAmount()
			if now >= queued || time.Since(started) >= sendPatience {
				c.stalled = true
				return ErrStalled
			}
			stalled.Reset(stalledAfter)
		}
		queued = c.stream.BufferedAmount()
	}
	return c.open()
}

// Unsent is how many bytes of what was sent the client has not acknowledged yet.
func (c *Channel) Unsent() int { return int(c.stream.BufferedAmount()) } //nolint:gosec // it is bounded by fullAt and a message

func (c *Channel) open() error {
	select {
	case <-c.closed:
		return errClosed
	default:
		return nil
	}
}

// low is called by pion when the queue becomes short.
func (c *Channel) low() {
	select {
	case c.drained <- struct{}{}:
	default:
	}
}

func (c *Channel) close() { c.once.Do(func() { close(c.closed) }) }

// runChannel does SCTP for the rest of the connection's life. The client has
// until ctx ends for its handshake, and for ever to open the channel.
func (t *Transport) runChannel(ctx context.Context, conn *dtls.Conn, remote Remote, role Role) error {
	association, err := sctp.ClientContext(ctx,
		sctp.WithNetConn(conn), sctp.WithLoggerFactory(t.endpoint.loggers),
		sctp.WithMaxMessageSize(uint32(messageLimit(remote))),
		sctp.WithMaxReassemblyQueueEntries(maxChunks),
	)
	if err != nil {
		return fmt.Errorf("transport: SCTP: %w", err)
	}
	defer func() { _ = association.Close() }()
	c, dc, err := t.openChannel(association, remote, role)
	if err != nil {
		return err
	}
	t.handler.Open(c)
	t.readChannel(dc)
	c.close()
	t.handler.Shut()
	// Closing the association would close DTLS and with it the media, which the
	// client may only mean with the channel. So wait for the end of both.
	for {
		extra, err := association.AcceptStream()
		if err != nil {
			return ErrHungUp
		}
		_ = extra.Close()
	}
}

// discard reads what comes over DTLS where no channel was negotiated, until the
// client closes the connection.
func discard(conn *dtls.Conn) error {
	buffer := make([]byte, maxPacket)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return ErrHungUp
		}
	}
}

func (t *Transport) openChannel(a *sctp.Association, remote Remote, role Role) (*Channel, *datachannel.DataChannel, error) {
	config := &datachannel.Config{
		ChannelType: datachannel.ChannelTypeReliable, Label: Label, LoggerFactory: t.endpoint.loggers,
	}
	var dc *datachannel.DataChannel
	var err error
	if role.OpenChannel {
		// The DTLS server's streams are the odd ones (RFC 8832 section 6).
		id := uint16(1)
		if role.DTLSClient {
			id = 0
		}
		dc, err = datachannel.Dial(a, id, config)
	} else {
		dc, err = datachannel.Accept(a, config)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("transport: data channel: %w", err)
	}
	c := newChannel(remote)
	c.stream = dc
	dc.SetBufferedAmountLowThreshold(resumeAt)
	dc.OnBufferedAmountLow(c.low)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending {
		return nil, nil, errClosed
	}
	t.channel = c
	return c, dc, nil
}

// readChannel reads messages until the channel ends, or the client sends a
// message larger than it was told.
func (t *Transport) readChannel(dc *datachannel.DataChannel) {
	buffer := make([]byte, firstBuffer)
	for {
		n, isText, err := dc.ReadDataChannel(buffer)
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
