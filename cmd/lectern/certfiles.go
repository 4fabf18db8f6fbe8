package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery is how often at most the files are looked at.
const checkEvery = time.Second

// keyPairFiles is a certificate in files, read again when they change.
type keyPairFiles struct {
	// Set at construction.
	cert, key string
	log       *slog.Logger

	mu sync.Mutex
	// Guarded by mu.
	current *tls.Certificate
	read    fileState // of what was read last, good or not
	checked time.Time
}

// fileState tells whether files have changed.
type fileState struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

func newKeyPairFiles(cert, key string, log *slog.Logger) (*keyPairFiles, error) {
	f := &keyPairFiles{cert: cert, key: key, log: log}
	state, err := f.state()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("tls: %s and %s are not a certificate with its key: %w", cert, key, err)
	}
	f.current, f.read, f.checked = &pair, state, time.Now()
	return f, nil
}

func (f *keyPairFiles) state() (s fileState, err error) {
	c, err := os.Stat(f.cert)
	if err != nil {
		return s, fmt.Errorf("tls-cert: %w", err)
	}
	k, err := os.Stat(f.key)
	if err != nil {
		return s, fmt.Errorf("tls-key: %w", err)
	}
	return fileState{c.ModTime(), k.ModTime(), c.Size(), k.Size()}, nil
}

func (f *keyPairFiles) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= checkEvery {
		f.checked = now
		f.reload()
	}
	return f.current, nil
}

// reload keeps the pair there is when the files are not a good one; mu is held.
func (f *keyPairFiles) reload() {
	state, err := f.state()
	if err != nil || state == f.read {
		return // a file that is just being replaced is not there for a moment
	}
	f.read = state
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		f.log.Error("the new certificate cannot be used; the old one stays", "cert", f.cert, "key", f.key, "error", err)
		return
	}
	f.current = &pair
	f.log.Info("the certificate was read again", "cert", f.cert, "until", pair.Leaf.NotAfter)
}
