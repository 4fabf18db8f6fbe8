package rewrite

// Counters is how many running numbers of its payload a Stream continues.
const Counters = 3

// counter continues a running number of the payload.
type counter struct {
	shift   uint16 // outgoing number minus the source's
	settled uint16 // the bits in which the source's numbers have a shift; 0: not begun
	last    uint16 // what the newest packet with this number was given
	given   bool   // last is valid
}

// Count gives what goes out for a running number of the payload, such as a
// picture id: of the packet that Map gave numbers for last. i is which one, below
// Counters, mask has all the bits set that it has in this packet, and value no
// others.
//
// The first ever goes out as it is. The first of the next source follows the last
// one given, and from then on the numbers of the source keep their distance, so
// that a packet gets the same however often it comes. A source may begin to
// count later than with its first packet. One that has wider numbers from some
// packet on continues as RFC 9628 section 4.2 has it: from a narrow number filled
// up with zeros.
func (s *Stream) Count(i int, value, mask uint16) (out uint16) {
	c := &s.counters[i]
	if mask&^c.settled != 0 {
		c.settle(value, mask)
	}
	out = (value + c.shift) & mask
	if s.newest || !c.given {
		c.last, c.given = out, true
	}
	return out
}

// settle finds the shift of a source, or the upper bits of it.
func (c *counter) settle(value, mask uint16) {
	if !c.given {
		c.shift, c.settled = 0, 0xffff
		return
	}
	out := c.last + 1
	if narrow := c.settled; narrow != 0 {
		// How far the value is from the newest one, the nearest way round.
		half := narrow>>1 + 1
		out = c.last + (value+c.shift-c.last+half)&narrow - half
	}
	c.shift, c.settled = out-value, mask
}
