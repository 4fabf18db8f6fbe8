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
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// Config says where media comes in. The zero value is an ephemeral port.
type Config struct {
	Port int // UDP; 0: an ephemeral one
	// Addresses are advertised to the clients, instead of those of the
	// machine's interfaces: the public ones of a machine behind NAT 1:1.
	Addresses []netip.Addr
	// Listen is the address to bind; the zero value is all of them.
	Listen netip.Addr
	Logger *slog.Logger // nil: nothing is logged
}

// socketBuffer is asked of the kernel, in bytes; it gives what it may.
const socketBuffer = 4 << 20

// Endpoint is the server's UDP port and its certificate, shared by all its
// transports. Its methods may be called concurrently.
type Endpoint struct {
	mux         *addressMux
	port        int
	certificate tls.Certificate
	fingerprint string
	log         *slog.Logger
	loggers     logging.LoggerFactory
}

// Listen opens the port.
func Listen(c Config) (*Endpoint, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	bind := &net.UDPAddr{Port: c.Port}
	if c.Listen.IsValid() {
		bind.IP = c.Listen.AsSlice()
	}
	conn, err := net.ListenUDP("udp", bind)
	if err != nil {
		return nil, fmt.Errorf("transport: listen for media on UDP port %d: %w", c.Port, err)
	}
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	e := &Endpoint{log: c.Logger, port: conn.LocalAddr().(*net.UDPAddr).Port, loggers: quiet{}}
	if e.certificate, e.fingerprint, err = certify(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	addresses := c.Addresses
	if len(addresses) == 0 && c.Listen.IsValid() && !c.Listen.IsUnspecified() {
		addresses = []netip.Addr{c.Listen}
	}
	if len(addresses) == 0 {
		if addresses, err = interfaceAddresses(); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	e.mux = newAddressMux(conn, e.port, addresses, e.loggers.NewLogger("ice"))
	return e, nil
}

// Close closes the port. Transports that are still open fail.
func (e *Endpoint) Close() error { return e.mux.Close() }

// Port is the UDP port.
func (e *Endpoint) Port() int { return e.port }

// Addresses are those that clients are told, most useful first.
func (e *Endpoint) Addresses() []netip.Addr { return e.mux.advertised }

// Fingerprint is the SHA-256 of the certificate as SDP writes it (RFC 8122
// section 5).
func (e *Endpoint) Fingerprint() string { return e.fingerprint }

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
// implementation of WebRTC must have (RFC 8827 section 6.5).
func profiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{
		dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	}
}

// quiet makes pion's packages say nothing: what they would log is either told
// by their errors or about single packets.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, io.Discard)
}

var _ ice.UDPMux = (*addressMux)(nil)
