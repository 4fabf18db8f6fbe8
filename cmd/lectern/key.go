package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	keyFile  = "role-tokens.key" // in the state folder; hexadecimal
	keyBytes = 32
)

func newKey() []byte {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return key
}

// keptKey reads the random key of a state folder, which only its owner may
// read, and makes it if there is none. Servers that start at once agree on one.
func keptKey(dir string) ([]byte, error) {
	file := filepath.Join(dir, keyFile)
	key, err := readKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(dir, ".new-*") // made with mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(hex.EncodeToString(newKey()) + "\n")
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	// A link fails if another server was faster, and the file is whole at once.
	if err := os.Link(tmp.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(tmp.Name(), file); err != nil { // a file system without links
			return nil, err
		}
	}
	return readKey(file)
}

func readKey(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(file, 0o600); err != nil {
			return nil, fmt.Errorf("others may read %s: %w", file, err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("%s is not %d bytes in hexadecimal: remove it to have a new one made", file, keyBytes)
	}
	return key, nil
}
