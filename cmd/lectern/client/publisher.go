package client

import (
	"sync"
	"time"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// Media is what a member sends of itself. The zero value is nothing.
type Media struct {
	Audio bool
	Video Video // nothing if FPS is 0
}

// publisher makes the packets of a client: one goroutine, from the first
// Publish or Share to Close.
type publisher struct {
	sources [3]*source // camera, microphone, screen

	mu sync.Mutex
	// Guarded by mu.
	media   Media
	screen  Video
	running bool
	closed  bool
	outlets []*outlet

	wake chan struct{}
	done chan struct{}
	ends sync.WaitGroup
}

func newPublisher(e *Engine) *publisher {
	return &publisher{
		sources: [3]*source{
			newSource(e, protocol.StreamUser, codec.Video),
			newSource(e, protocol.StreamUser, codec.Audio),
			newSource(e, protocol.StreamDisplay, codec.Video),
		},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// source is what makes a kind of a stream type; nil if nothing does.
func (p *publisher) source(stream protocol.StreamType, k codec.Kind) *source {
	for _, s := range p.sources {
		if s.stream == stream && s.kind == k {
			return s
		}
	}
	return nil
}

// set says what is made from now on.
func (p *publisher) set(change func(m *Media, screen *Video)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.media, &p.screen)
	p.media.Video, p.screen = p.media.Video.clamped(), p.screen.clamped()
	if !p.running && !p.closed && (p.media.Audio || p.media.Video.on() || p.screen.on()) {
		p.running = true
		p.ends.Go(p.run) // until close
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *publisher) settings() (Media, Video) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.media, p.screen
}

// sends reports whether a kind of a stream type is on.
func (p *publisher) sends(stream protocol.StreamType, k codec.Kind) bool {
	media, screen := p.settings()
	switch {
	case stream == protocol.StreamDisplay:
		return k == codec.Video && screen.on()
	case k == codec.Audio:
		return media.Audio
	}
	return media.Video.on()
}

// close ends the goroutine; it is called once.
func (p *publisher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	close(p.done)
	p.ends.Wait()
}

// attach adds a way out, and detach takes it back.
func (p *publisher) attach(o *outlet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outlets = append(p.outlets, o)
	p.share(o.source)
}

func (p *publisher) detach(o *outlet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.outlets {
		if x == o {
			p.outlets = append(p.outlets[:i:i], p.outlets[i+1:]...)
			break
		}
	}
	p.share(o.source)
}

// share gives the source its own list; p.mu is held.
func (p *publisher) share(s *source) {
	var list []*outlet
	for _, o := range p.outlets {
		if o.source == s {
			list = append(list, o)
		}
	}
	s.outlets.Store(&list)
}

func (p *publisher) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.done:
			return
		}
		media, screen := p.settings()
		now := time.Now()
		next := now.Add(time.Hour)
		for _, s := range p.sources {
			video := media.Video
			if s.stream == protocol.StreamDisplay {
				video = screen
			}
			every := audioEvery
			switch {
			case s.kind == codec.Audio && !media.Audio, s.kind == codec.Video && !video.on():
				s.stop()
				continue
			case s.kind == codec.Video:
				every = time.Second / time.Duration(video.FPS)
			}
			s.make(now, every, video)
			if due := s.next(); due.Before(next) {
				next = due
			}
		}
		timer.Reset(time.Until(next))
	}
}
