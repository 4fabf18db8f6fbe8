package main

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"lectern/sfu"
	"lectern/sfu/egress"
	"lectern/signaling/auto"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
)

// openMedia opens the port over which the server carries media; there is none
// if it never does. In mode auto rooms begin without it, so a second server on
// one machine takes another port; in mode sfu a firewall is open for this one,
// and nothing works without it.
func openMedia(cfg Config, log *slog.Logger) (*sfu.Server, error) {
	if cfg.Mode == room.ModeP2P {
		return nil, nil // no server is what p2p means
	}
	c := sfu.Config{
		Port: cfg.RTCPort, Addresses: cfg.rtcAddresses(), Logger: log,
		MaxFile: cfg.maxFileBytes(), MaxBitrate: cfg.MaxBitrate * 1_000_000,
		Socket:  egress.Options{NoGSO: cfg.RTCBatching != "auto", NoMulti: cfg.RTCBatching == "off"},
		Sockets: cfg.RTCSockets,
	}
	s, err := sfu.New(c)
	if cfg.Mode == room.ModeAuto && c.Port != 0 && errors.Is(err, syscall.EADDRINUSE) {
		c.Port = 0
		if s, err = sfu.New(c); err == nil {
			log.Warn("the UDP port for media is in use; another one is taken, which a firewall may hold back",
				"rtc-port", cfg.RTCPort, "taken", s.Port())
		}
	}
	if err != nil {
		return nil, rtcError(c.Port, err)
	}
	return s, nil
}

// rtcPort is the UDP port for media, 0 if there is none.
func (s *server) rtcPort() int {
	if s.sfu == nil {
		return 0
	}
	return s.sfu.Port()
}

// rtcError says what to do about a port that cannot be had.
func rtcError(port int, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("UDP port %d is in use: stop the program that uses it, or choose another with --rtc-port PORT", port)
	}
	return err
}

// settle is how long a member without media must have been in a room to keep
// its place when its connection drops. A shorter stay is a program's, not a
// person's.
const settle = 10 * time.Second

// roomSettings are those of all rooms.
func (s *server) roomSettings() (room.Settings, error) {
	key, err := s.tokenKey()
	if err != nil {
		return room.Settings{}, err
	}
	return room.Settings{
		Grace:   s.cfg.Grace,
		Silence: s.cfg.PingInterval + s.cfg.PingTimeout,
		Policy: room.Policy{
			Mode: s.cfg.Mode, Stage: s.cfg.Stage, MaxMembers: s.cfg.MaxMembers, StageToken: s.cfg.StageToken,
		},
		Settle:          settle,
		Remember:        s.cfg.Remember,
		JoinsPerAddress: s.cfg.JoinsPerAddress,
		MaxFileBytes:    s.cfg.maxFileBytes(),
		TokenKey:        key,
		ICEServers:      s.cfg.iceServers(),
		Version:         buildVersion(),
		NewPlane:        s.newPlane,
		NewToken:        rand.Text,
	}, nil
}

// tokenKey is the key of role tokens, nil without an administrator's token. It
// is made of a random one in the state folder, so that tokens are good after a
// restart, and of the administrator's token, so that they are void once that is
// another one. Without a folder they are good until the server stops.
func (s *server) tokenKey() ([]byte, error) {
	if s.cfg.AdminToken == "" {
		return nil, nil // no key: there are no tokens
	}
	dir, err := s.cfg.stateDir()
	var random []byte
	if err == nil {
		random, err = keptKey(dir)
	}
	if err != nil {
		s.log.Warn("the key of role tokens cannot be kept, so they are void when the server stops", "error", err)
		random = newKey()
	}
	return mixKey(random, s.cfg.AdminToken)
}

// mixKey makes one key of two secrets (HKDF, RFC 5869). A guess of the
// administrator's token cannot be tried on a role token without the random one.
func mixKey(random []byte, admin secret) ([]byte, error) {
	return hkdf.Key(sha256.New, random, []byte(admin), "lectern role tokens", sha256.Size)
}

// newPlane makes what carries the media of one room. p is complete.
func (s *server) newPlane(name string, p room.Policy) media.Plane {
	log := s.log.With("room", name)
	switch {
	case p.Mode == room.ModeSFU && s.sfu != nil:
		return s.sfu.NewPlane(log)
	case p.Mode == room.ModeAuto && s.sfu != nil:
		return auto.New(auto.Config{
			NewRelay:  func() auto.Relay { return p2p.New() },
			NewServer: func() auto.Server { return s.sfu.NewPlane(log) },
			MaxP2P:    s.cfg.P2PMax,
			Return:    s.cfg.P2PReturn,
			Go:        s.closings.Go,
			Logger:    log,
		})
	default:
		return p2p.New()
	}
}
