package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// selfFile holds certificate and key together, so that they always match.
	selfFile = "self-signed.pem"
	// selfLife is how long a certificate is good for: phones refuse those of
	// more than 825 days, and some of more than 398.
	selfLife = 397 * 24 * time.Hour
	// selfRenew is how long before its end it is renewed.
	selfRenew = 30 * 24 * time.Hour
	// selfCheck is how often the names are looked at while the server runs.
	selfCheck = time.Minute
	// maxNames bounds the names kept from networks of the past.
	maxNames = 32
)

// selfSigned is a certificate that the server makes for the names and
// addresses of its machine and keeps across starts, so that a browser that was
// told to trust it goes on trusting it. When the machine joins another network
// a new one is made, for the new names and the old, so that going back and
// forth needs no third.
type selfSigned struct {
	// Set at construction.
	file string
	log  *slog.Logger

	mu sync.Mutex
	// Guarded by mu.
	current *tls.Certificate
	checked time.Time
}

func newSelfSigned(dir string, log *slog.Logger) (*selfSigned, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("tls: keep the certificate: %w", err)
	}
	s := &selfSigned{file: filepath.Join(dir, selfFile), log: log}
	kept, err := readPair(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		log.Warn("the certificate kept from before cannot be used; a new one is made", "file", s.file, "error", err)
	default:
		s.current = kept
	}
	now := time.Now()
	s.checked = now
	names, passing := machineNames()
	if err := s.renew(now, names, passing); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return s, nil
}

func readPair(file string) (*tls.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(b, b)
	return &pair, err
}

func (s *selfSigned) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.checked) >= selfCheck {
		s.checked = now
		names, passing := machineNames()
		if err := s.renew(now, names, passing); err != nil {
			s.log.Error("the certificate could not be renewed; the old one stays", "error", err)
		}
	}
	return s.current, nil
}

// renew makes a new certificate if the current one is not good for the names
// or not for long any more; then it is made for passing too. mu is held, or s
// is not shared yet.
func (s *selfSigned) renew(now time.Time, names, passing []string) error {
	also := passing
	if s.current != nil {
		leaf := s.current.Leaf
		old := certNames(leaf)
		covered := !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(old, n) })
		if covered && now.After(leaf.NotBefore) && now.Before(leaf.NotAfter.Add(-selfRenew)) {
			return nil
		}
		also = slices.Concat(passing, old)
	}
	names = slices.Clone(names)
	for _, n := range also {
		if len(names) < maxNames && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	b, err := makeSelfSigned(now, names)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		return err
	}
	if err := writeSecret(s.file, b); err != nil {
		return err
	}
	s.current = &pair
	s.log.Info("a certificate was made for this machine", "file", s.file, "names", names, "until", pair.Leaf.NotAfter)
	return nil
}

// writeSecret replaces a file as a whole, readable by its owner only.
func writeSecret(file string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails once it is renamed
	if _, err := tmp.Write(b); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

func certNames(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// makeSelfSigned makes a key and a certificate for names and addresses, and
// gives both as PEM.
func makeSelfSigned(now time.Time, names []string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Lectern"}, CommonName: "Lectern on " + names[0]},
		NotBefore:             now.Add(-time.Hour), // a phone's clock may be behind
		NotAfter:              now.Add(selfLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(b, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}
