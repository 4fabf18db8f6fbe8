package client

import (
	"encoding/binary"
	"time"
)

// stampSize is how many bytes at the end of each payload are the stamp.
const stampSize = 20

// stampMagic begins a stamp.
const stampMagic = 0x4c65_6374 // "Lect"

// stamp says where a packet comes from. It ends the payload, so that what a
// server reads at the beginning is as it must be.
type stamp struct {
	source uint32 // random, of one kind of one publisher's stream
	number uint32 // counts the packets of the source, from 1
	sent   int64  // nanoseconds since 1970
}

// put writes the stamp over the end of a payload of at least stampSize bytes.
func (s stamp) put(payload []byte) {
	b := payload[len(payload)-stampSize:]
	binary.BigEndian.PutUint32(b, stampMagic)
	binary.BigEndian.PutUint32(b[4:], s.source)
	binary.BigEndian.PutUint32(b[8:], s.number)
	binary.BigEndian.PutUint64(b[12:], uint64(s.sent)) //nolint:gosec // only moved
}

// readStamp reads what put wrote. ok is false for payloads of other senders.
func readStamp(payload []byte) (s stamp, ok bool) {
	if len(payload) < stampSize {
		return s, false
	}
	b := payload[len(payload)-stampSize:]
	if binary.BigEndian.Uint32(b) != stampMagic {
		return s, false
	}
	return stamp{
		source: binary.BigEndian.Uint32(b[4:]), number: binary.BigEndian.Uint32(b[8:]),
		sent: int64(binary.BigEndian.Uint64(b[12:])), //nolint:gosec // only moved
	}, true
}

// began ties the monotonic clock to the calendar once, so that two stamps of a
// process differ by what really passed. Clocks of other machines may be off.
var began = time.Now()

func sinceEpoch(t time.Time) int64 { return began.UnixNano() + int64(t.Sub(began)) }
