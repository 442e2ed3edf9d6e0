package main

import (
	"net/http"
	"sort"
	"strconv"
)

func (a *api) statusLeader(http.ResponseWriter, *http.Request, string) (any, error) {
	a.store.Lock()
	defer a.store.Unlock()
	if a.store.leader {
		return "127.0.0.1:8300", nil
	}
	return "", nil
}

func (a *api) statusPeers(http.ResponseWriter, *http.Request, string) (any, error) {
	return []string{"127.0.0.1:8300"}, nil
}

func (a *api) datacenters(http.ResponseWriter, *http.Request, string) (any, error) {
	return []string{a.store.dc}, nil
}

func (a *api) catalogNodes(w http.ResponseWriter, r *http.Request, _ string) (any, error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, err
	}
	err = a.block(w, r, func() (uint64, chan struct{}) { return a.store.all.index, a.store.all.changed })
	defer a.store.Unlock()
	if err != nil {
		return nil, err
	}
	out := []node{}
	for _, n := range a.store.nodes {
		if token.mayReadAny() {
			out = append(out, n.node)
		}
	}
	sort.Slice(out, func(x, y int) bool { return out[x].Node < out[y].Node })
	filtered(w, r, !token.mayReadAny())
	return out, nil
}

func (a *api) catalogServices(w http.ResponseWriter, r *http.Request, _ string) (any, error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, err
	}
	err = a.block(w, r, func() (uint64, chan struct{}) { return a.store.list.index, a.store.list.changed })
	defer a.store.Unlock()
	if err != nil {
		return nil, err
	}
	out, some := map[string][]string{}, false
	for name, n := range a.store.services {
		if len(n.instances) == 0 {
			continue
		}
		if !token.mayRead(name) {
			some = true
			continue
		}
		out[name] = tagsOf(n)
	}
	filtered(w, r, some)
	return out, nil
}

func tagsOf(n *named) []string {
	seen, all := map[string]bool{}, []string{}
	for _, i := range n.order() {
		for _, t := range i.service.Tags {
			if !seen[t] {
				seen[t] = true
				all = append(all, t)
			}
		}
	}
	return all
}

// As far as all tags asked for are there, and with ?passing all checks pass.
func chosen(r *http.Request, all []*instance) ([]*instance, error) {
	v := r.URL.Query()
	passing := false
	if text, given := v["passing"]; given {
		var err error
		if passing, err = strconv.ParseBool(text[0]); err != nil && text[0] != "" {
			return nil, failure{400, "Invalid value for ?passing"}
		}
		passing = passing || text[0] == ""
	}
	out := all[:0:0]
	for _, i := range all {
		if hasTags(i, v["tag"]) && (!passing || i.status() == "passing") {
			out = append(out, i)
		}
	}
	return out, nil
}

func hasTags(i *instance, wanted []string) bool {
	for _, tag := range wanted {
		found := false
		for _, t := range i.service.Tags {
			found = found || t == tag
		}
		if !found {
			return false
		}
	}
	return true
}

// The instances of a service for an answer, and the store locked.
func (a *api) instances(w http.ResponseWriter, r *http.Request, name string) ([]*instance, error) {
	token, err := a.acl.of(r)
	if err == nil && name == "" {
		err = failure{400, "Missing service name"}
	}
	if err != nil {
		a.store.Lock()
		return nil, err
	}
	if err := a.block(w, r, func() (uint64, chan struct{}) { return a.store.indexOf(name) }); err != nil {
		return nil, err
	}
	all := a.store.named(name).order()
	if !token.mayRead(name) {
		filtered(w, r, len(all) > 0)
		return nil, nil
	}
	return chosen(r, all)
}

func (a *api) catalogService(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	all, err := a.instances(w, r, name)
	defer a.store.Unlock()
	out := []map[string]any{}
	for _, i := range all {
		n, v := i.node, i.service
		out = append(out, map[string]any{"ID": n.ID, "Node": n.Node, "Address": n.Address, "Datacenter": a.store.dc,
			"TaggedAddresses": n.TaggedAddresses, "NodeMeta": n.Meta, "ServiceKind": "", "ServiceID": v.ID, "ServiceName": v.Service,
			"ServiceTags": v.Tags, "ServiceAddress": v.Address, "ServiceTaggedAddresses": v.TaggedAddresses, "ServiceWeights": v.Weights,
			"ServiceMeta": orEmpty(v.Meta), "ServicePort": v.Port, "ServiceSocketPath": "", "ServiceEnableTagOverride": v.EnableTagOverride,
			"ServiceProxy": v.Proxy, "ServiceConnect": v.Connect, "CreateIndex": v.CreateIndex, "ModifyIndex": v.ModifyIndex})
	}
	return out, err
}

func (a *api) healthService(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	all, err := a.instances(w, r, name)
	defer a.store.Unlock()
	if err != nil {
		return nil, err
	}
	out := []byte{'['}
	for n, i := range all {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, i.encoded()...)
	}
	return append(out, ']'), nil
}

// Nobody is in the mesh here.
func (a *api) healthConnect(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	_, err := a.instances(w, r, name)
	defer a.store.Unlock()
	return []string{}, err
}

func (a *api) healthChecks(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	all, err := a.instances(w, r, name)
	defer a.store.Unlock()
	out := []*check{}
	for _, i := range all {
		for _, c := range i.allChecks() {
			if c.ServiceID != "" {
				out = append(out, c)
			}
		}
	}
	return copied(out), err
}

// They are encoded when the store is no longer locked.
func copied(all []*check) []check {
	out := []check{}
	for _, c := range all {
		out = append(out, *c)
	}
	return out
}

// All checks the token may read, of nodes and services. Locked.
func (a *api) checksOf(token *rules) (out []*check) {
	for _, n := range a.store.nodes {
		for _, c := range n.checks {
			if token.mayReadAny() {
				out = append(out, c)
			}
		}
	}
	for name, n := range a.store.services {
		for _, i := range n.order() {
			for _, c := range i.checks {
				if token.mayRead(name) {
					out = append(out, c)
				}
			}
		}
	}
	sort.Slice(out, func(x, y int) bool {
		return key(out[x].Node, out[x].CheckID) < key(out[y].Node, out[y].CheckID)
	})
	return out
}

func (a *api) selected(w http.ResponseWriter, r *http.Request, keep func(*check) bool) (any, error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, err
	}
	err = a.block(w, r, func() (uint64, chan struct{}) { return a.store.health.index, a.store.health.changed })
	defer a.store.Unlock()
	out := []*check{}
	for _, c := range a.checksOf(token) {
		if keep(c) {
			out = append(out, c)
		}
	}
	return copied(out), err
}

func (a *api) healthNode(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	return a.selected(w, r, func(c *check) bool { return c.Node == name })
}

func (a *api) healthState(w http.ResponseWriter, r *http.Request, state string) (any, error) {
	if state == "" {
		return nil, failure{400, "Missing check state"}
	}
	return a.selected(w, r, func(c *check) bool { return state == "any" || c.Status == state })
}
