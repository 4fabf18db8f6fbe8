package egress

import (
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxRefusing is how many destinations that refuse runs a batch remembers.
const maxRefusing = 256

// patience is how long a full send buffer is waited for, by a Flush or a Send
// as a whole, before what is left is dropped.
const patience = 5 * time.Millisecond

// outbox sends the runs of one Batch, or the datagram of one Send.
type outbox struct {
	socket   *Socket
	transmit func(fd uintptr) // built once, so that a call allocates nothing
	resume   func(fd uintptr) bool
	one      [1]run // of Send
	refusing map[netip.AddrPort]int64

	// One for each run.
	messages []unix.Mmsghdr
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls []control

	// Of the send under way.
	arena   []byte
	runs    []run
	next    int            // the first run not dealt with
	pieces  []unix.Mmsghdr // what is left of the datagrams of that run, if it was refused
	split   *splitRun      // where pieces are
	retried bool           // the first message failed once
	blocked bool           // the send buffer is full
	failure error          // of the last datagram dropped
	tally   tally
}

// control is a control message with the size of a run's datagrams.
type control struct {
	header unix.Cmsghdr
	size   uint16
	_      [6]byte
}

type splitRun struct {
	messages [maxSegments]unix.Mmsghdr
	vectors  [maxSegments]unix.Iovec
}

func newOutbox(s *Socket, runs int) *outbox {
	o := &outbox{
		socket: s, messages: make([]unix.Mmsghdr, runs), vectors: make([]unix.Iovec, runs),
		names: make([]unix.RawSockaddrInet6, runs), controls: make([]control, runs),
	}
	o.transmit = func(fd uintptr) { o.blocked = !o.resume(fd) }
	o.resume = o.proceed
	for i := range runs {
		m := &o.messages[i].Hdr
		m.Name, m.Iov = (*byte)(unsafe.Pointer(&o.names[i])), &o.vectors[i]
		m.SetIovlen(1)
		c := &o.controls[i].header
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
	}
	return o
}

// alone reports whether datagrams for a destination must be sent one by one.
func (o *outbox) alone(to netip.AddrPort) bool {
	if !o.socket.usesGSO() {
		return true
	}
	if len(o.refusing) == 0 {
		return false
	}
	until, known := o.refusing[to]
	if known && until <= o.socket.now() {
		delete(o.refusing, to)
		known = false
	}
	return known
}

// send gives the runs to the kernel, and the error of the last datagram that
// was dropped. It writes to the list of runs.
func (o *outbox) send(arena []byte, runs []run) error {
	o.arena, o.runs = arena, runs[:0]
	o.next, o.retried, o.failure = 0, false, nil
	o.tally = tally{}
	for i := range runs {
		if !o.prepare(&runs[i]) {
			o.tally.dropped += uint64(runs[i].segments)
			o.failure = errAddress
		}
	}
	if len(o.runs) > 0 {
		err := o.socket.raw.Control(o.transmit)
		if err == nil && o.blocked {
			err = o.wait()
		}
		if err != nil {
			o.abandon(err)
		}
	}
	o.socket.counters.add(&o.tally)
	o.arena, o.runs = nil, nil
	return o.failure
}

// prepare appends a run and writes its message, which is false if its
// destination is none.
func (o *outbox) prepare(r *run) bool {
	i := len(o.runs)
	size := o.socket.put(&o.names[i], r.to)
	if size == 0 {
		return false
	}
	v := &o.vectors[i]
	v.Base = unsafe.SliceData(o.arena[r.at:])
	v.SetLen(r.total)
	m := &o.messages[i].Hdr
	m.Namelen, m.Control = size, nil
	m.SetControllen(0)
	if r.segments > 1 {
		o.controls[i].size = uint16(r.size)
		m.Control = (*byte)(unsafe.Pointer(&o.controls[i]))
		m.SetControllen(unix.CmsgSpace(2))
	}
	o.runs = append(o.runs, *r)
	return true
}

// proceed sends on until all is dealt with, or, and then it is false, the send
// buffer is full.
func (o *outbox) proceed(fd uintptr) bool {
	for o.next < len(o.runs) {
		inRun := len(o.pieces) == 0 && o.runs[o.next].segments > 1
		if inRun && !o.socket.usesGSO() {
			o.divide()
			continue
		}
		list := o.pieces
		if len(list) == 0 {
			list = o.messages[o.next:len(o.runs)]
		}
		n, errno := o.call(fd, list)
		o.tally.sendCalls++
		switch {
		case n > 0:
			o.sent(n)
		case errno == unix.EAGAIN:
			o.tally.congested++
			return false
		case errno == unix.EINTR:
		case inRun && refusesRun(errno):
			o.refused()
			o.divide()
		case !o.retried:
			// The error may be one of an earlier datagram, that was found out
			// later: such are told to whoever comes next.
			o.retried = true
		default:
			o.lost(errno)
		}
	}
	return true
}

// call sends messages, and says how many.
func (o *outbox) call(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno) {
	s := o.socket
	if len(list) > 1 && !s.sendMulti.off.Load() {
		n, errno := s.system.sendmmsg(fd, list)
		if n > 0 {
			s.sendMulti.works()
			return n, 0
		}
		if !s.sendMulti.suspect(errno) {
			return 0, errno
		}
		o.tally.sendCalls++
		if plain := s.system.sendmsg(fd, &list[0].Hdr); plain != 0 {
			return 0, plain
		}
		s.sendMulti.refused(errno)
		return 1, 0
	}
	if errno := s.system.sendmsg(fd, &list[0].Hdr); errno != 0 {
		return 0, errno
	}
	return 1, 0
}

// refusesRun tells the errors that mean segmentation: EINVAL and, later,
// EMSGSIZE are for datagrams over the path's MTU, EIO for a device without
// checksums or a path through IPsec (udp_send_skb of Linux), the others for
// who does not know it.
func refusesRun(errno unix.Errno) bool {
	switch errno {
	case unix.EINVAL, unix.EMSGSIZE, unix.EIO, unix.ENOPROTOOPT, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// sent moves on behind n messages.
func (o *outbox) sent(n int) {
	o.retried = false
	if len(o.pieces) > 0 {
		o.tally.sent += uint64(n)
		o.nextPiece(n)
		return
	}
	inRuns := uint64(0)
	for _, r := range o.runs[o.next : o.next+n] {
		o.tally.sent += uint64(r.segments)
		if r.segments > 1 {
			inRuns++
		}
	}
	if inRuns > 0 {
		o.tally.runs += inRuns
		o.socket.gsoWorked()
	}
	o.next += n
}

func (o *outbox) nextPiece(n int) {
	if o.pieces = o.pieces[n:]; len(o.pieces) == 0 {
		o.next++
	}
}

// lost drops the first message.
func (o *outbox) lost(errno unix.Errno) {
	o.retried, o.failure = false, errno
	if len(o.pieces) > 0 {
		o.tally.dropped++
		o.nextPiece(1)
		return
	}
	o.tally.dropped += uint64(o.runs[o.next].segments)
	o.next++
}

// refused remembers that a destination's path has no segmentation.
func (o *outbox) refused() {
	o.tally.refused++
	o.socket.gsoRefused()
	if o.refusing == nil || len(o.refusing) >= maxRefusing {
		o.refusing = make(map[netip.AddrPort]int64)
	}
	o.refusing[o.runs[o.next].to] = o.socket.now() + again
}

// divide makes the first run's datagrams messages of their own.
func (o *outbox) divide() {
	if o.split == nil {
		o.split = new(splitRun)
	}
	o.retried = false
	r, whole := &o.runs[o.next], &o.messages[o.next].Hdr
	for i := range r.segments {
		at := i * r.size
		v, m := &o.split.vectors[i], &o.split.messages[i].Hdr
		v.Base = &o.arena[r.at+at]
		v.SetLen(min(r.size, r.total-at))
		m.Name, m.Namelen, m.Iov = whole.Name, whole.Namelen, v
		m.SetIovlen(1)
	}
	o.pieces = o.split.messages[:r.segments]
}

// wait sends on as the send buffer empties, until patience ends. One waits at a
// time, as the deadline is the connection's: nothing else writes to it by way
// of the poller.
func (o *outbox) wait() error {
	s := o.socket
	timer := time.NewTimer(patience)
	defer timer.Stop()
	deadline := time.Now().Add(patience)
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
	if err := s.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	return s.raw.Write(o.resume)
}

// abandon drops what is left.
func (o *outbox) abandon(why error) {
	if left := len(o.pieces); left > 0 {
		o.tally.dropped += uint64(left)
		o.pieces, o.failure = nil, why
		o.next++
	}
	for ; o.next < len(o.runs); o.next++ {
		o.tally.dropped += uint64(o.runs[o.next].segments)
		o.failure = why
	}
}
