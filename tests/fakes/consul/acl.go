package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// A token's rules: prefixes of services' names. Node and agent reads go with any service read.
type rules struct {
	Accessor string
	Read     []string
	Write    []string
	all      bool
}

func has(prefixes []string, name string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func (r *rules) mayRead(name string) bool {
	return r.all || has(r.Read, name) || has(r.Write, name)
}

func (r *rules) mayWrite(name string) bool {
	return r.all || has(r.Write, name)
}

func (r *rules) mayReadAny() bool {
	return r.all || len(r.Read)+len(r.Write) > 0
}

// With a master token ACLs are on, and what no rule allows is denied.
type acl struct {
	sync.Mutex
	on     bool
	tokens map[string]*rules
}

func newACL(master string) *acl {
	a := &acl{on: master != "", tokens: map[string]*rules{}}
	a.tokens[""] = &rules{Accessor: "00000000-0000-0000-0000-000000000002"}
	if a.on {
		a.tokens[master] = &rules{Accessor: "master", all: true}
	}
	return a
}

func (a *acl) set(token string, r *rules) {
	a.Lock()
	defer a.Unlock()
	if r == nil {
		delete(a.tokens, token)
	} else {
		a.tokens[token] = r
	}
}

// ?token= goes before X-Consul-Token before Authorization.
func tokenOf(r *http.Request) string {
	if t := r.URL.Query().Get("token"); t != "" {
		return t
	}
	if t := r.Header.Get("X-Consul-Token"); t != "" {
		return t
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(value)
	}
	return ""
}

func (a *acl) of(r *http.Request) (*rules, error) {
	if !a.on {
		return &rules{all: true}, nil
	}
	a.Lock()
	defer a.Unlock()
	if found := a.tokens[tokenOf(r)]; found != nil {
		return found, nil
	}
	return nil, failure{403, "ACL not found"}
}

func denied(r *rules, right, kind, name string) error {
	return failure{403, fmt.Sprintf("Permission denied: token with AccessorID '%s' lacks permission '%s:%s' on %q", r.Accessor, kind, right, name)}
}
