package downlink

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/deadline"
)

const (
	flightInterval = 200 * time.Millisecond // until a lost flight is sent again
	dtlsMTU        = 1200
)

// contexts are the SRTP states of a connection; the peer's mu guards them.
type contexts struct {
	in, out *srtp.Context
	header  rtp.Header // of the last packet that came
	scratch []byte
}

// handshake does DTLS, derives the keys (RFC 5764 section 4.2), and drops the
// connection.
func (p *Peer) handshake(ctx context.Context) error {
	pipe := &pipe{p: p, reading: deadline.New()}
	conn, err := dtls.ClientWithOptions(pipe, pipe.RemoteAddr(),
		dtls.WithCertificates(p.engine.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // verify does it, by fingerprint
		dtls.WithVerifyPeerCertificate(p.verify),
		dtls.WithLoggerFactory(silent{}),
		dtls.WithMTU(dtlsMTU),
		dtls.WithFlightInterval(flightInterval),
	)
	if err != nil {
		return fmt.Errorf("downlink: DTLS: %w", err)
	}
	defer func() {
		pipe.mute.Store(true) // the other side is not to hear of the end
		_ = conn.Close()
	}()
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("downlink: DTLS: %w", err)
	}
	c, err := keys(conn)
	if err != nil {
		return err
	}
	p.secured.Store(c)
	return nil
}

// verify compares the certificate with the fingerprint in the description (RFC
// 8122 section 6.2).
func (p *Peer) verify(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("downlink: the other side has no certificate")
	}
	c, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return fmt.Errorf("downlink: the other side's certificate: %w", err)
	}
	print, err := fingerprint.Fingerprint(c, hashOfPrint)
	if err != nil {
		return fmt.Errorf("downlink: fingerprint: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.EqualFold(print, p.print) {
		return errors.New("downlink: the other side's certificate is not the one it described")
	}
	return nil
}

func keys(conn *dtls.Conn) (*contexts, error) {
	state, ok := conn.ConnectionState()
	profile, chosen := conn.SelectedSRTPProtectionProfile()
	if !ok || !chosen {
		return nil, errors.New("downlink: DTLS without SRTP")
	}
	var config srtp.Config
	config.Profile = srtp.ProtectionProfile(profile)
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return nil, fmt.Errorf("downlink: SRTP keys: %w", err)
	}
	c := &contexts{}
	var err error
	if c.in, err = srtp.CreateContext(config.Keys.RemoteMasterKey, config.Keys.RemoteMasterSalt, config.Profile); err != nil {
		return nil, fmt.Errorf("downlink: SRTP: %w", err)
	}
	if c.out, err = srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile); err != nil {
		return nil, fmt.Errorf("downlink: SRTP: %w", err)
	}
	return c, nil
}

// pipe is the connection's packets to DTLS. Its reader is one goroutine.
type pipe struct {
	p       *Peer
	mute    atomic.Bool
	reading *deadline.Deadline
}

// ReadFrom waits for the next packet.
func (d *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case data := <-d.p.secure:
		return copy(b, data), d.RemoteAddr(), nil
	case <-d.reading.Done():
		return 0, nil, os.ErrDeadlineExceeded
	case <-d.p.ctx.Done():
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a packet. What is lost DTLS sends again.
func (d *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	if d.mute.Load() {
		return len(b), nil
	}
	d.p.mu.Lock()
	to := d.p.to
	d.p.mu.Unlock()
	d.p.socket.write(b, to)
	return len(b), nil
}

// Close ends reading.
func (d *pipe) Close() error { return d.SetReadDeadline(time.Unix(1, 0)) }

// LocalAddr and RemoteAddr are names that nothing depends on.
func (d *pipe) LocalAddr() net.Addr  { return &net.UDPAddr{} }
func (d *pipe) RemoteAddr() net.Addr { return &net.UDPAddr{} }

// SetDeadline and SetReadDeadline end what waits in ReadFrom at a time.
func (d *pipe) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }
func (d *pipe) SetReadDeadline(t time.Time) error {
	d.reading.Set(t)
	return nil
}

// SetWriteDeadline does nothing: writing does not wait.
func (d *pipe) SetWriteDeadline(time.Time) error { return nil }

// silent keeps pion quiet: what goes wrong is returned.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
