package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"sort"
	"sync"
)

// ---- what is kept, as the API writes it ----

type address struct {
	Address string
	Port    int
}

type weights struct{ Passing, Warning int }

type node struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	CreateIndex     uint64
	ModifyIndex     uint64
}

type service struct {
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]address
	Meta              map[string]string
	Port              int
	Weights           weights
	EnableTagOverride bool
	Proxy             map[string]any
	Connect           map[string]any
	PeerName          string
	CreateIndex       uint64
	ModifyIndex       uint64
}

type check struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	Definition  map[string]any
	CreateIndex uint64
	ModifyIndex uint64
}

// One service on one node, with its checks. `entry` is it in an answer of /v1/health/service, or "" when that changed;
// `raw` is one that tests wrote, and stays.
type instance struct {
	node    *nodeState
	service service
	checks  map[string]*check
	entry   []byte
	raw     bool
}

type nodeState struct {
	node
	checks map[string]*check // of the node itself: serfHealth
}

// ---- the index of what can be waited for ----

type topic struct {
	index   uint64
	changed chan struct{}
}

func (t *topic) touch(index uint64) {
	t.index = index
	close(t.changed)
	t.changed = make(chan struct{})
}

type named struct {
	topic
	instances map[string]*instance // by node and id
	sorted    []*instance          // nil: to be sorted anew
}

// One mutex, held shortly: answers are put together from what is encoded already.
type store struct {
	sync.Mutex
	own      string // our node's name
	dc       string
	index    uint64
	lives    uint64 // how many times all was lost
	nodes    map[string]*nodeState
	services map[string]*named
	extinct  uint64 // index of the last service's end
	all      topic  // anything
	list     topic  // services' names, tags and instances
	health   topic  // checks
	leader   bool
}

func newStore(node, dc string) *store {
	s := &store{own: node, dc: dc, leader: true}
	s.list.changed, s.all.changed, s.health.changed = make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.clear()
	return s
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// As after a start with an empty data directory: indexes begin anew.
func (s *store) clear() {
	old := s.services
	s.index, s.extinct = 10, 0
	s.lives++
	s.nodes, s.services = map[string]*nodeState{}, map[string]*named{}
	s.addNode(s.own, "127.0.0.1")
	s.put(s.own, service{ID: "consul", Service: "consul", Port: 8300, Weights: weights{1, 1}})
	for _, n := range old {
		close(n.changed) // who waits for it looks again
	}
	s.list.touch(s.index)
	s.all.touch(s.index)
	s.health.touch(s.index)
}

func (s *store) addNode(name, addr string) *nodeState {
	s.index++
	n := &nodeState{node: node{ID: uuid(), Node: name, Address: addr, Datacenter: s.dc, CreateIndex: s.index, ModifyIndex: s.index,
		TaggedAddresses: map[string]string{"lan": addr, "lan_ipv4": addr, "wan": addr, "wan_ipv4": addr},
		Meta:            map[string]string{"consul-network-segment": ""}}, checks: map[string]*check{}}
	n.checks["serfHealth"] = &check{Node: name, CheckID: "serfHealth", Name: "Serf Health Status", Status: "passing",
		Output: "Agent alive and reachable", ServiceTags: []string{}, Definition: map[string]any{}, CreateIndex: s.index, ModifyIndex: s.index}
	s.nodes[name] = n
	return n
}

func key(node, id string) string { return node + "\x00" + id }

func (s *store) named(name string) *named {
	n := s.services[name]
	if n == nil {
		n = &named{topic: topic{changed: make(chan struct{})}, instances: map[string]*instance{}}
		s.services[name] = n
	}
	return n
}

func (s *store) find(node, id string) *instance {
	for _, n := range s.services {
		if i := n.instances[key(node, id)]; i != nil {
			return i
		}
	}
	return nil
}

// Something about it has changed. Locked.
func (s *store) changed(i *instance, listed bool) {
	s.index++
	if !i.raw {
		i.entry = nil
	}
	n := s.named(i.service.Service)
	n.touch(s.index)
	s.all.touch(s.index)
	if listed {
		s.list.touch(s.index)
	}
	s.health.touch(s.index)
}

// Adds or replaces. Nothing changes where it is the same. Locked.
func (s *store) put(nodeName string, v service) *instance {
	at := key(nodeName, v.ID)
	if old := s.find(nodeName, v.ID); old != nil && old.service.Service != v.Service {
		s.remove(old)
	}
	n := s.named(v.Service)
	i := n.instances[at]
	if v.Tags == nil {
		v.Tags = []string{}
	}
	v.Proxy, v.Connect = map[string]any{"Mode": "", "MeshGateway": map[string]any{}, "Expose": map[string]any{}}, map[string]any{}
	if i == nil {
		i = &instance{node: s.nodes[nodeName], checks: map[string]*check{}}
		n.instances[at], n.sorted = i, nil
		v.CreateIndex = s.index + 1
	} else {
		v.CreateIndex, v.ModifyIndex = i.service.CreateIndex, i.service.ModifyIndex
		if same(v, i.service) {
			return i
		}
	}
	v.ModifyIndex = s.index + 1
	i.service = v
	s.changed(i, true)
	return i
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// Locked.
func (s *store) remove(i *instance) {
	n := s.services[i.service.Service]
	delete(n.instances, key(i.node.Node, i.service.ID))
	n.sorted = nil
	s.changed(i, true)
	if len(n.instances) == 0 {
		s.extinct = s.index
	}
}

// Locked.
func (s *store) setCheck(i *instance, c check) {
	old := i.checks[c.CheckID]
	c.Node, c.ServiceID, c.ServiceName, c.ServiceTags = i.node.Node, i.service.ID, i.service.Service, i.service.Tags
	c.Definition = map[string]any{}
	c.CreateIndex = s.index + 1
	if old != nil {
		c.CreateIndex, c.ModifyIndex = old.CreateIndex, old.ModifyIndex
		if same(c, *old) {
			return
		}
	}
	c.ModifyIndex = s.index + 1
	i.checks[c.CheckID] = &c
	s.changed(i, false)
}

// Locked.
func (s *store) dropCheck(i *instance, id string) {
	if i.checks[id] != nil {
		delete(i.checks, id)
		s.changed(i, false)
	}
}

// ---- answers ----

// In an order that stays. Locked.
func (n *named) order() []*instance {
	if n.sorted == nil {
		n.sorted = make([]*instance, 0, len(n.instances))
		for _, i := range n.instances {
			n.sorted = append(n.sorted, i)
		}
		sort.Slice(n.sorted, func(a, b int) bool {
			x, y := n.sorted[a], n.sorted[b]
			return key(x.node.Node, x.service.ID) < key(y.node.Node, y.service.ID)
		})
	}
	return n.sorted
}

func (i *instance) allChecks() []*check {
	all := []*check{}
	for _, c := range i.node.checks {
		all = append(all, c)
	}
	for _, c := range i.checks {
		all = append(all, c)
	}
	sort.Slice(all, func(a, b int) bool { // the node's first
		x, y := all[a], all[b]
		return x.ServiceID < y.ServiceID || x.ServiceID == y.ServiceID && x.CheckID < y.CheckID
	})
	return all
}

func (i *instance) status() string {
	worst := "passing"
	for _, c := range i.allChecks() {
		if c.Status == "critical" || (c.Status == "warning" && worst == "passing") {
			worst = c.Status
		}
	}
	return worst
}

// {"Node", "Service", "Checks"}. Locked.
func (i *instance) encoded() []byte {
	if i.entry == nil {
		i.entry, _ = json.Marshal(map[string]any{"Node": i.node.node, "Service": i.service, "Checks": i.allChecks()})
	}
	return i.entry
}

// Of a service's answer: where it does not exist, the last time one came to its end. Locked.
func (s *store) indexOf(name string) (uint64, chan struct{}) {
	n := s.named(name)
	if len(n.instances) == 0 {
		return s.extinct, n.changed
	}
	return n.index, n.changed
}
