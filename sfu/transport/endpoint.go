package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"lectern/sfu/egress"
	"lectern/sfu/ice"
)

// Config says where media comes in. The zero value is an ephemeral port on all
// addresses.
type Config struct {
	Port int // UDP; 0: an ephemeral one
	// Addresses are advertised to the clients, most useful first, and instead
	// of the machine's own. They need not be this machine's: behind NAT 1:1
	// they are those of the NAT, and the flag is --rtc-ip. Clients on this
	// machine or its network reach such an address only if the NAT turns them
	// around; list an inner address as well where it does not.
	Addresses []netip.Addr
	// Listen is the address to bind, and the one to advertise unless Addresses
	// are given; the zero value is all of them.
	Listen netip.Addr
	// Conn is used instead of a socket of the system, and closed with the
	// Endpoint: such as a *vnet.UDPConn of pion's simulated network. It gives
	// and takes *net.UDPAddr. Its address is advertised unless Addresses are
	// given; Port and Listen are not used.
	Conn   net.PacketConn
	Socket egress.Options // what the kernel is not to be asked for
	// Sockets is how many share the port, each with a reader of its own, so that
	// several cores read: 0 to 64, and 0 is one. Clients are divided among them
	// by their address. There is one, and the log says why, if the system does
	// not have it so, and with Conn.
	Sockets int
	Logger  *slog.Logger // nil: nothing is logged
}

// socketBuffer is asked of the kernel, in bytes; it gives what it may. Linux
// gives 208 KiB unless net.core.rmem_max and wmem_max are raised, and that much
// is lost packets when several clients send a large message at once.
const socketBuffer = 4 << 20

// maxSockets bounds Config.Sockets.
const maxSockets = 64

// Endpoint is the server's UDP port and its certificate, shared by all its
// transports. Its methods may be called concurrently.
type Endpoint struct {
	mux         *mux
	batches     sync.Pool     // of *egress.Batch, for what does not belong to a burst
	next        atomic.Uint32 // counts the batches that were made
	advertised  []netip.Addr  // most useful first
	clients     ice.Addresses // where a client can be
	budget      *ice.Budget   // of all transports' checks that are not answered
	clock       *clock
	certificate tls.Certificate
	fingerprint string
	log         *slog.Logger
	loggers     logging.LoggerFactory
	patience    patience
}

// patience is how long a connection waits; tests have less of it.
type patience struct {
	disconnected time.Duration // without a sign of life
	failed       time.Duration // more
	handshake    time.Duration // for ICE, DTLS and SCTP together
	closing      time.Duration // until Close says that it waits
	keepalive    time.Duration // between checks of the pair in use
}

var usualPatience = patience{
	disconnected: 5 * time.Second, failed: 10 * time.Second, handshake: 30 * time.Second, closing: 10 * time.Second,
	// Media is no sign of life, as ICE does not see it (RFC 7675 section 5.1
	// has it so too). Of the five checks in 5 s one will pass.
	keepalive: time.Second,
}

// Listen opens the port.
func Listen(c Config) (*Endpoint, error) { return listen(c, egress.Share) }

// share is egress.Share.
type share func(conn *net.UDPConn, n int) ([]*net.UDPConn, error)

func listen(c Config, with share) (*Endpoint, error) {
	e := &Endpoint{log: c.Logger, loggers: quiet{}, advertised: c.Addresses, patience: usualPatience}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if e.certificate, e.fingerprint, err = certify(); err != nil {
		return nil, err
	}
	sockets, at, err := open(c, with, e.log)
	if err != nil {
		return nil, err
	}
	if bound := at.Addr().Unmap(); len(e.advertised) == 0 && !bound.IsUnspecified() {
		e.advertised = []netip.Addr{bound}
	}
	if len(e.advertised) == 0 {
		if e.advertised, err = interfaceAddresses(); err != nil {
			for _, s := range sockets {
				_ = s.Close()
			}
			return nil, err
		}
	}
	e.clients = ice.NewAddresses(ownAddresses(e.advertised, at.Addr()), at.Port())
	e.budget = ice.NewBudget(endpointLimits, nil)
	e.clock = startClock()
	e.batches.New = func() any { return e.NewBatch() }
	e.mux = newMux(sockets, at.Port(), e.log)
	return e, nil
}

// open gives the port's sockets, at least one, and its address. The first is bound
// for itself alone, so that a port that is in use is an error and not shared with
// who has it.
func open(c Config, with share, log *slog.Logger) (list []socket, at netip.AddrPort, err error) {
	if c.Conn != nil {
		at, ok := c.Conn.LocalAddr().(*net.UDPAddr)
		if !ok {
			return nil, netip.AddrPort{}, fmt.Errorf("transport: a connection at %T cannot carry media", c.Conn.LocalAddr())
		}
		return []socket{egress.WrapPlain(c.Conn)}, at.AddrPort(), nil
	}
	bind := &net.UDPAddr{Port: c.Port}
	if c.Listen.IsValid() {
		bind.IP = c.Listen.AsSlice()
	}
	conn, err := net.ListenUDP("udp", bind)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("transport: listen for media on UDP port %d: %w", c.Port, err)
	}
	conns := []*net.UDPConn{conn}
	if n := min(c.Sockets, maxSockets); n > 1 {
		more, err := with(conn, n-1)
		if err != nil {
			log.Warn("media is read by one core: its port cannot have several sockets", "wanted", n, "err", err)
		}
		conns = append(conns, more...)
	}
	for _, conn := range conns {
		_ = conn.SetReadBuffer(socketBuffer)
		_ = conn.SetWriteBuffer(socketBuffer)
		list = append(list, egress.Wrap(conn, c.Socket))
	}
	return list, conn.LocalAddr().(*net.UDPAddr).AddrPort(), nil
}

// Close closes the port. Transports that are still open fail.
func (e *Endpoint) Close() error {
	err := e.mux.Close()
	e.clock.stop()
	if err != nil {
		return fmt.Errorf("transport: close the media port: %w", err)
	}
	return nil
}

// Port is the UDP port.
func (e *Endpoint) Port() int { return int(e.mux.port) }

// Addresses are those that clients are told, most useful first.
func (e *Endpoint) Addresses() []netip.Addr { return slices.Clone(e.advertised) }

// Fingerprint is the SHA-256 of the certificate as SDP writes it (RFC 8122
// section 5).
func (e *Endpoint) Fingerprint() string { return e.fingerprint }

// NewBatch makes a batch for a goroutine that sends bursts. Of several sockets each
// has its turn.
func (e *Endpoint) NewBatch() *egress.Batch {
	list := e.mux.readers
	return list[(e.next.Add(1)-1)%uint32(len(list))].socket.NewBatch() //nolint:gosec // at most maxSockets
}

// Sockets is how many share the port.
func (e *Endpoint) Sockets() int { return len(e.mux.readers) }

// Dropped is how many packets came faster than they were taken, ever.
func (e *Endpoint) Dropped() uint64 { return e.mux.dropped.Load() }

// certify makes the certificate of one start of the server. ECDSA with P-256,
// which every browser takes.
func certify() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("transport: make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("transport: make a serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "lectern"},
		NotBefore:    now.Add(-24 * time.Hour), // clients' clocks may be behind
		NotAfter:     now.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("transport: make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, fingerprint(der), nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	var b strings.Builder
	for i, c := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

// profiles are the SRTP protections, cheapest first. The last is what every
// implementation of WebRTC must have (RFC 8827 section 6.5). AES-256-GCM is
// left out: who has it has the first as well, and as a DTLS server may prefer
// the dearer one.
func profiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
}

// quiet makes pion's packages say nothing: what they would log is either told
// by their errors or about single packets.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, io.Discard)
}
