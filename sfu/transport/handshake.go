package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	// flightInterval is when a lost flight of DTLS is first sent again; it
	// doubles each time. Browsers use 50 ms; RFC 9147 section 5.8.2 leaves it
	// to those who know better than its 1 s.
	flightInterval = 200 * time.Millisecond
	dtlsMTU        = 1200
)

// contexts are the SRTP states of a connection.
type contexts struct {
	profile string

	// Guarded by client.using, which the reader holds.
	in       *srtp.Context
	inHeader rtp.Header

	mu sync.Mutex
	// Guarded by mu.
	out       *srtp.Context
	outHeader rtp.Header
	scratch   []byte
}

// verify compares the client's certificate with the fingerprint of its
// description (RFC 8122 section 6.2).
func verify(remote Remote) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 {
			return errors.New("transport: the client has no certificate")
		}
		if !strings.EqualFold(remote.FingerprintHash, "sha-256") {
			return fmt.Errorf("transport: fingerprint by %.20q is not supported", remote.FingerprintHash)
		}
		if !strings.EqualFold(fingerprint(raw[0]), remote.Fingerprint) {
			return errors.New("transport: the client's certificate is not the one it described")
		}
		return nil
	}
}

// handshake does DTLS and derives the SRTP keys (RFC 5764 section 4.2).
func (t *Transport) handshake(ctx context.Context, pipe *dtlsPipe, remote Remote, role Role) (*dtls.Conn, error) {
	if role.DTLSClient {
		if err := t.awaitICE(ctx); err != nil {
			return nil, err
		}
	}
	conn, err := t.openDTLS(pipe, remote, role)
	if err != nil {
		return nil, fmt.Errorf("transport: DTLS: %w", err)
	}
	t.mu.Lock()
	ending := t.ending
	t.secureConn = conn
	t.mu.Unlock()
	if ending {
		_ = conn.Close()
		return nil, errClosed
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("transport: DTLS: %w", err)
	}
	if err := t.secure(conn, role); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// awaitICE waits until ICE is connected for the first time.
func (t *Transport) awaitICE(ctx context.Context) error {
	select {
	case <-t.up:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("transport: ICE: %w", ctx.Err())
	}
}

// openDTLS makes the DTLS connection; the handshake is still to be done. The
// cookie exchange of the server is left out: it would cost a round trip to
// prove what ICE has proved (RFC 6347 section 4.2.1 is against spoofed
// addresses).
func (t *Transport) openDTLS(pipe *dtlsPipe, remote Remote, role Role) (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(t.endpoint.certificate),
		dtls.WithSRTPProtectionProfiles(profiles()...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // verify does it, by fingerprint
		dtls.WithVerifyPeerCertificate(verify(remote)),
		dtls.WithLoggerFactory(t.endpoint.loggers),
		dtls.WithMTU(dtlsMTU),
		dtls.WithFlightInterval(flightInterval),
	}
	if role.DTLSClient {
		return dtls.ClientWithOptions(pipe, pipe.RemoteAddr(), widen[dtls.ClientOption](shared)...)
	}
	server := append(widen[dtls.ServerOption](shared),
		dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true))
	return dtls.ServerWithOptions(pipe, pipe.RemoteAddr(), server...)
}

// widen makes options of both sides into those of one; Option has the methods
// of both.
func widen[T any](shared []dtls.Option) []T {
	list := make([]T, 0, len(shared)+2)
	for _, o := range shared {
		list = append(list, o.(T))
	}
	return list
}

func (t *Transport) secure(conn *dtls.Conn, role Role) error {
	state, ok := conn.ConnectionState()
	profile, chosen := conn.SelectedSRTPProtectionProfile()
	if !ok || !chosen {
		return errors.New("transport: DTLS without SRTP")
	}
	var config srtp.Config
	config.Profile = srtp.ProtectionProfile(profile)
	if err := config.ExtractSessionKeysFromDTLS(&state, role.DTLSClient); err != nil {
		return fmt.Errorf("transport: SRTP keys: %w", err)
	}
	c := &contexts{profile: config.Profile.String(), scratch: make([]byte, 0, maxPacket)}
	var err error
	if c.in, err = srtp.CreateContext(config.Keys.RemoteMasterKey, config.Keys.RemoteMasterSalt, config.Profile,
		srtp.SRTPReplayProtection(1024), srtp.SRTCPReplayProtection(128)); err != nil {
		return fmt.Errorf("transport: SRTP: %w", err)
	}
	if c.out, err = srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile); err != nil {
		return fmt.Errorf("transport: SRTP: %w", err)
	}
	t.secured.Store(c)
	return nil
}

// run is the runner's goroutine: handshakes, then the data channel.
func (t *Transport) run(remote Remote, role Role) {
	defer t.running.Done()
	defer t.contain("a client's handshake or data channel")
	ctx, cancel := context.WithTimeout(t.closing, t.endpoint.patience.handshake)
	defer cancel()
	conn, err := t.handshake(ctx, newDTLSPipe(t), remote, role)
	if err != nil {
		t.fail(err)
		return
	}
	// A client that nominated a pair may be through with DTLS before this side
	// has heard of the pair.
	if err := t.awaitICE(ctx); err != nil {
		t.fail(err)
		return
	}
	t.settled()
	if role.NoChannel {
		err = discard(conn)
	} else {
		err = t.runChannel(ctx, conn, remote, role)
	}
	t.fail(err)
}
