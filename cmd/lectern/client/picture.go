package client

import "encoding/hex"

// What every picture begins with is a real frame of VP8 (RFC 6386 section 9),
// a grey square of 16 by 16, so that browsers show what a client sends. The
// filler and the stamp behind it belong to a partition that the frame does not
// read to its end. Frames between keyframes change nothing, and so go with each
// other in any number.
var (
	keyPicture   = fromHex("1002009d012a100010000007088585889984880124100030cb4000")
	interPicture = fromHex("d101000010092000c000c2c17fa000400000")
)

func fromHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // a constant is wrong
	}
	return b
}
