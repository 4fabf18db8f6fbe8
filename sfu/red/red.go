// Package red reads and changes RTP payloads with redundant audio data (RFC
// 2198): older blocks for receivers that lost packets, and the primary one
// last.
//
// It does not know what the blocks contain, nor which payload types stand for
// what.
package red

import "errors"

// MaxBlocks is how many blocks a payload may have, the primary one counted.
// Browsers send at most three.
const MaxBlocks = 8

// ErrMalformed is returned for a payload whose headers do not fit it.
var ErrMalformed = errors.New("red: malformed payload")

// Payload is what the headers of one payload say.
type Payload struct {
	Blocks  int              // 1..MaxBlocks
	Types   [MaxBlocks]uint8 // payload types of the blocks, 0..127
	Primary int              // first byte of the primary block
}

// PrimaryType is the payload type of the primary block.
func (p *Payload) PrimaryType() uint8 { return p.Types[p.Blocks-1] }

// headerLen is the length of the header of a redundant block; that of the
// primary one is a byte (RFC 2198 section 3).
const headerLen = 4

// Parse reads the block headers of a payload.
func Parse(b []byte) (Payload, error) {
	var p Payload
	at, data := 0, 0
	for {
		if at >= len(b) || p.Blocks == MaxBlocks {
			return Payload{}, ErrMalformed
		}
		p.Types[p.Blocks] = b[at] & 0x7f
		p.Blocks++
		if b[at]&0x80 == 0 {
			break
		}
		if at+headerLen > len(b) {
			return Payload{}, ErrMalformed
		}
		data += int(b[at+2]&0x03)<<8 | int(b[at+3])
		at += headerLen
	}
	p.Primary = at + 1 + data
	if p.Primary > len(b) {
		return Payload{}, ErrMalformed
	}
	return p, nil
}

// SetTypes writes other payload types into the headers of the payload that p
// was parsed from, or of a copy: types[t] in place of t. It reports false, and
// then may have changed some, if one of them is Unknown.
func (p *Payload) SetTypes(b []byte, types *[128]uint8) bool {
	for i := range p.Blocks {
		t := types[p.Types[i]]
		if t == Unknown {
			return false
		}
		at := headerLen * i
		b[at] = b[at]&0x80 | t&0x7f
	}
	return true
}

// Unknown stands for a payload type that the receiver has none for.
const Unknown = 0xff
