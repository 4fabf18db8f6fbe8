package client

import (
	"encoding/json"

	"lectern/signaling/protocol"
)

// What a client says, as it is on the wire. The protocol package only reads it.

type identity struct {
	ID           string        `json:"id"`
	Name         string        `json:"username"`
	Room         string        `json:"roomname"`
	Capabilities []string      `json:"capabilities,omitempty"`
	Role         protocol.Role `json:"role,omitempty"`
	Token        string        `json:"token,omitempty"`
}

type reconnect struct {
	identity
	ResumeToken string `json:"resumeToken,omitempty"`
}

type leaveItem struct {
	Remote protocol.ConnectorID `json:"remoteConnectorId,omitempty"`
	Member protocol.MemberID    `json:"memberId"`
}

type offer struct {
	Connector  protocol.ConnectorID `json:"connectorId"`
	Member     protocol.MemberID    `json:"memberId"`
	Offer      protocol.Description `json:"offer"`
	StreamType protocol.StreamType  `json:"streamType"`
}

type answer struct {
	Remote     protocol.ConnectorID `json:"remoteConnectorId"`
	Connector  protocol.ConnectorID `json:"connectorId"`
	Member     protocol.MemberID    `json:"memberId"`
	Answer     protocol.Description `json:"answer"`
	StreamType protocol.StreamType  `json:"streamType"`
}

type candidate struct {
	Remote    protocol.ConnectorID `json:"remoteConnectorId"`
	Member    protocol.MemberID    `json:"memberId"`
	Candidate any                  `json:"candidate"`
}

// reconnectWork renegotiates over the socket.
type reconnectWork struct {
	Type      string               `json:"type"`
	Data      any                  `json:"data,omitempty"`
	Connector protocol.ConnectorID `json:"connectorId"`
	Member    protocol.MemberID    `json:"memberId"`
}

// renegotiation is the data of an offer, an answer or a getOffer, over the
// socket and over a data channel.
type renegotiation struct {
	Offer   *protocol.Description `json:"offer,omitempty"`
	Answer  *protocol.Description `json:"answer,omitempty"`
	Streams []protocol.Stream     `json:"streams,omitempty"`
	Kind    string                `json:"kind,omitempty"`
	Type    string                `json:"type,omitempty"` // "add" or "remove"
}

// health says how one of the client's own connectors is.
type health struct {
	Connector protocol.ConnectorID `json:"connectorId"`
	State     string               `json:"state"`
}

// message is what goes over a data channel (section 7 of PROTOCOL.md).
type message struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// chatData is a line of chat on a data channel.
type chatData struct {
	ID     string            `json:"id"`
	Member protocol.MemberID `json:"memberId,omitempty"`
	IsSelf bool              `json:"isSelf"`
	Name   string            `json:"username"`
	Clock  string            `json:"HHmmss"`
	Type   string            `json:"type"`
	Text   string            `json:"text"`
}

type closeData struct {
	Connector protocol.ConnectorID `json:"connectorId"`
}

type chatLine struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Clock string `json:"HHmmss,omitempty"`
}

type roleWish struct {
	Member protocol.MemberID `json:"memberId,omitempty"`
	Role   protocol.Role     `json:"role"`
}

type stateWord struct {
	Audio  *bool `json:"audio,omitempty"`
	Video  *bool `json:"video,omitempty"`
	Screen *bool `json:"screen,omitempty"`
	Hand   *bool `json:"hand,omitempty"`
}
