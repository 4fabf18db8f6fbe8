package transport

// Reached reports whether ICE was ever connected: the client can be reached
// over UDP, however long the rest may take.
func (t *Transport) Reached() bool {
	select {
	case <-t.up:
		return true
	default:
		return false
	}
}
