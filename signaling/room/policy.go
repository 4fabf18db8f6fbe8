package room

import "lectern/signaling/protocol"

// The ways of a room's media a Policy names.
const (
	ModeAuto = "auto" // P2P while a mesh serves it, SFU when it does not
	ModeP2P  = "p2p"  // for good
	ModeSFU  = "sfu"  // for good
)

// The stage of a room in SFU mode, in members.
const (
	DefaultStage = 16
	MaxStage     = 64
)

// Policy is what may differ from room to room.
type Policy struct {
	Mode       string // ModeAuto, ModeP2P or ModeSFU; empty: the server's
	Stage      int    // members on stage in SFU mode; 0: the server's
	MaxMembers int    // 0: the server's
	HostToken  bool   // no member is host without a token that says so
	StageToken bool   // no member comes on stage by itself without a token for it
}

// over fills what p leaves open from the server's defaults.
func (p Policy) over(server Policy) Policy {
	if p.Mode == "" {
		p.Mode = server.Mode
	}
	if p.Mode == "" {
		p.Mode = ModeP2P
	}
	if p.Stage == 0 {
		p.Stage = server.Stage
	}
	if p.Stage == 0 {
		p.Stage = DefaultStage
	}
	if p.MaxMembers == 0 {
		p.MaxMembers = server.MaxMembers
	}
	p.HostToken = p.HostToken || server.HostToken
	p.StageToken = p.StageToken || server.StageToken
	return p
}

// validate gives a *protocol.Error that names the field at fault.
func (p Policy) validate() error {
	switch {
	case p.Mode != "" && p.Mode != ModeAuto && p.Mode != ModeP2P && p.Mode != ModeSFU:
		return protocol.Invalid("mode", `must be "auto", "p2p" or "sfu"`, `须为 "auto"、"p2p" 或 "sfu"`)
	case p.Stage < 0 || p.Stage > MaxStage:
		return protocol.Invalid("stage", "must be 1 to 64, or 0 for the server's", "须为 1 到 64，0 表示采用服务器设置")
	case p.MaxMembers < 0:
		return protocol.Invalid("maxMembers", "must not be negative", "不得为负数")
	}
	return nil
}

// audience reports whether the room can have one: it is in SFU mode or can get
// there.
func (p Policy) audience() bool { return p.Mode != ModeP2P }

// mode is that of an empty room.
func (p Policy) mode() protocol.Mode {
	if p.Mode == ModeSFU {
		return protocol.ModeSFU
	}
	return protocol.ModeP2P
}
