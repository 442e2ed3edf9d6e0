// A FAKE Consul agent, for tests: it is not Consul and has none of its code.
//
// It answers the part of the HTTP API (developer.hashicorp.com/consul/api-docs) that clients of service discovery use, as
// a single agent in server mode does: agent services and TTL checks, maintenance, the catalog, health, blocking queries, ACL
// tokens, the limit of connections. What it does not have, it refuses. A second port breaks things: control.go.
//
//	consul -http 127.0.0.1:8500 -control 127.0.0.1:8600 [-fast 20] [-master TOKEN] [-max-conns 200] [-cert F -key F]
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

type options struct {
	http, control, node, dc, master, cert, key string
	fast                                       float64
	maxConns                                   int
}

func parse() (o options) {
	flag.StringVar(&o.http, "http", "127.0.0.1:8500", "where the API is")
	flag.StringVar(&o.control, "control", "", "where things are broken")
	flag.StringVar(&o.node, "node", "fake-node", "the node's name")
	flag.StringVar(&o.dc, "dc", "dc1", "the datacenter")
	flag.StringVar(&o.master, "master", "", "a token that may do anything: turns ACLs on, with default policy deny")
	flag.StringVar(&o.cert, "cert", "", "certificate for TLS")
	flag.StringVar(&o.key, "key", "", "its key")
	flag.Float64Var(&o.fast, "fast", 1, "critical services are deregistered so many times sooner")
	flag.IntVar(&o.maxConns, "max-conns", 200, "limits.http_max_conns_per_client; 0: none")
	flag.Parse()
	return o
}

// The API's listener: it can be taken away and brought back on the same address.
type front struct {
	address string
	tls     *tls.Config
	handler http.Handler
	limit   *connLimit
	server  *http.Server
}

func (f *front) open() error {
	listener, err := net.Listen("tcp", f.address)
	if err != nil {
		return err
	}
	f.address = listener.Addr().String()
	f.limit.reset()
	f.server = &http.Server{Handler: f.handler, ConnState: f.limit.changed, ErrorLog: log.New(quiet{}, "", 0), TLSConfig: f.tls}
	go func(server *http.Server) {
		if f.tls != nil {
			_ = server.ServeTLS(listener, "", "")
		} else {
			_ = server.Serve(listener)
		}
	}(f.server)
	return nil
}

// With all connections.
func (f *front) close() {
	if f.server != nil {
		f.server.Close()
		f.server = nil
	}
}

type quiet struct{}

func (quiet) Write(b []byte) (int, error) { return len(b), nil }

func main() {
	o := parse()
	s := newStore(o.node, o.dc)
	a := &api{store: s, acl: newACL(o.master), checks: newChecks(s, o.fast)}
	f := &front{address: o.http, limit: &connLimit{most: o.maxConns}, handler: a.handler()}

	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			log.Fatal(err)
		}
		f.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if err := f.open(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("This is a fake Consul for tests; its API is at", f.address)
	if o.control == "" {
		select {}
	}
	c := &control{api: a, front: f}
	log.Fatal((&http.Server{Addr: o.control, Handler: c.handler(), ReadHeaderTimeout: time.Minute}).ListenAndServe())
}
