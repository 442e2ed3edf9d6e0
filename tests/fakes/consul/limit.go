package main

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const tooMany = "Your IP is issuing too many concurrent connections, please rate limit your calls\n"

// The connections of each client, as Consul limits them: one too many is answered without being read, and closed.
type connLimit struct {
	sync.Mutex
	most  int
	open  map[string]map[net.Conn]bool
	peak  int
	turns int // refused
}

func (l *connLimit) reset() {
	l.Lock()
	defer l.Unlock()
	l.open = map[string]map[net.Conn]bool{}
}

func (l *connLimit) count() (open, peak, refused int) {
	l.Lock()
	defer l.Unlock()
	for _, of := range l.open {
		open += len(of)
	}
	return open, l.peak, l.turns
}

func (l *connLimit) changed(c net.Conn, state http.ConnState) {
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	switch state {
	case http.StateNew:
		if !l.add(host, c) {
			_ = c.SetDeadline(time.Now().Add(10 * time.Millisecond))
			fmt.Fprintf(c, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
				len(tooMany), tooMany)
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		l.Lock()
		delete(l.open[host], c)
		l.Unlock()
	}
}

func (l *connLimit) add(host string, c net.Conn) bool {
	l.Lock()
	defer l.Unlock()
	of := l.open[host]
	if of == nil {
		of = map[net.Conn]bool{}
		l.open[host] = of
	}
	if l.most > 0 && len(of) >= l.most {
		l.turns++
		return false
	}
	of[c] = true
	if len(of) > l.peak {
		l.peak = len(of)
	}
	return true
}
