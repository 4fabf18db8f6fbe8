// Package egress is the UDP socket of the media path. It knows datagrams and
// addresses, and nothing of what they carry.
package egress
