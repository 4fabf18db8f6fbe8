package client

import (
	"slices"

	"lectern/signaling/protocol"
)

// showScreen offers the screen to whom it is not offered yet, or ends it: in
// SFU mode a capable client offers it to the server, otherwise it goes to each
// member there is a connector with.
func (c *Client) showScreen() error {
	_, screen := c.publisher.settings()
	if !screen.on() {
		c.hideScreen()
		return nil
	}
	var viewers []protocol.MemberID
	shown := map[protocol.MemberID]bool{}
	for _, x := range c.order {
		switch x.stream {
		case protocol.StreamUser:
			viewers = append(viewers, x.member)
		case protocol.StreamDisplay:
			shown[x.member] = true
		}
	}
	for _, m := range viewers {
		if shown[m] {
			continue
		}
		if err := c.offerTo(m, protocol.StreamDisplay); err != nil {
			return err
		}
		shown[m] = true
	}
	return nil
}

func (c *Client) hideScreen() {
	for _, x := range slices.Clone(c.order) {
		if x.stream == protocol.StreamDisplay {
			c.try(x.say("close", closeData{x.remote}))
			x.close()
		}
	}
}
