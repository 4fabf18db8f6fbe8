package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
	"rsc.io/qr"
)

// greet prints where to open the page, with a QR code for phones when a
// person is looking.
func (s *server) greet(w io.Writer) error {
	scheme := "http"
	if s.certs != nil {
		scheme = "https"
	}
	local, network := addresses(scheme, s.addr(), lanAddresses())
	var b strings.Builder
	fmt.Fprintf(&b, "\nLectern %s is running.\n\n", buildVersion())
	if local != "" {
		fmt.Fprintf(&b, "  on this machine   %s\n", local)
	}
	for _, a := range network {
		fmt.Fprintf(&b, "  in the network    %s\n", a)
	}
	b.WriteString("\n")
	if len(network) > 0 && isTerminal(w) {
		if code, err := qr.Encode(network[0], qr.L); err == nil {
			b.WriteString(drawHalfBlocks(code) + "\n")
		}
	}
	switch {
	case s.cfg.TLS == "self":
		b.WriteString("The certificate is this machine's own: the browser asks once whether to go on.\n")
	case s.cfg.TLS == "off" && len(network) > 0:
		b.WriteString("Browsers give camera and microphone to https only: for other devices, use --tls self.\n")
	}
	b.WriteString("Ctrl+C stops it.\n\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// addresses are the URLs of a listener: on its own machine, if it listens
// there, and in the network.
func addresses(scheme string, at *net.TCPAddr, lan []netip.Addr) (local string, network []string) {
	url := func(host string) string {
		standard := scheme == "http" && at.Port == 80 || scheme == "https" && at.Port == 443
		if !standard {
			return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(at.Port))
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	switch {
	case at.IP == nil || at.IP.IsUnspecified():
		for _, ip := range lan {
			if ip.Is4() || len(network) == 0 {
				network = append(network, url(ip.String()))
			}
		}
		return url("localhost"), network
	case at.IP.IsLoopback():
		return url(at.IP.String()), nil
	default:
		return "", []string{url(at.IP.String())}
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// quietZone is the blank border a code needs. The standard asks for 4 modules;
// 2 are enough for phones and leave the code on a small screen.
const quietZone = 2

// drawHalfBlocks draws a QR code, two rows to a line, in colours of its own:
// it must be dark on light also where the terminal is light on dark.
func drawHalfBlocks(code *qr.Code) string {
	const begin, end = "\x1b[97;40m", "\x1b[0m" // bright white on black
	var b strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		b.WriteString("  " + begin)
		for x := -quietZone; x < code.Size+quietZone; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteByte(' ')
			case upper:
				b.WriteString("▄")
			case lower:
				b.WriteString("▀")
			default:
				b.WriteString("█")
			}
		}
		b.WriteString(end + "\n")
	}
	return b.String()
}
