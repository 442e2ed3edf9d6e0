package main

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/micro/go-micro/v2/registry"
	util "github.com/micro/go-micro/v2/util/registry"
	"github.com/mitchellh/hashstructure"
)

// What go-micro's gossip registry keeps: services, and for those whose Update said so when they expire.
type ring struct {
	sync.Mutex
	list     *memberlist.Memberlist
	queue    *memberlist.TransmitLimitedQueue
	services map[string][]*registry.Service
	leases   map[uint64]*lease
}

type lease struct {
	expires uint64
	service *registry.Service
}

type broadcast struct{ message []byte }

func (b *broadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b *broadcast) Message() []byte                       { return b.message }
func (b *broadcast) Finished()                             {}
func (b *broadcast) UniqueBroadcast()                      {}

func newRing(c *memberlist.Config, seeds string) *ring {
	var addresses []string
	if seeds != "" {
		addresses = strings.Split(seeds, ",")
	}
	r := &ring{services: map[string][]*registry.Service{}, leases: map[uint64]*lease{}}
	// As many times as it knows addresses, not members: its own rule.
	r.queue = &memberlist.TransmitLimitedQueue{NumNodes: func() int { return len(addresses) }, RetransmitMult: 3}
	c.Delegate = r
	list, err := memberlist.Create(c)
	die(err)
	r.list = list
	if len(addresses) > 0 {
		_, err = list.Join(addresses)
		die(err)
	}
	go r.expire()
	return r
}

func (r *ring) expire() {
	for range time.Tick(time.Second) {
		now := uint64(time.Now().UnixNano())
		r.Lock()
		for hash, l := range r.leases {
			if l.expires < now {
				delete(r.leases, hash)
				r.remove(l.service)
			}
		}
		r.Unlock()
	}
}

func (r *ring) add(s *registry.Service) {
	r.services[s.Name] = util.Merge(r.services[s.Name], []*registry.Service{s})
}

func (r *ring) remove(s *registry.Service) {
	left := util.Remove(r.services[s.Name], []*registry.Service{s})
	if len(left) == 0 {
		delete(r.services, s.Name)
	} else {
		r.services[s.Name] = left
	}
}

func (r *ring) all() map[string][]*registry.Service {
	r.Lock()
	defer r.Unlock()
	copied := map[string][]*registry.Service{}
	for name, services := range r.services {
		copied[name] = services
	}
	return copied
}

func (r *ring) register(s *registry.Service, ttl time.Duration) {
	r.Lock()
	r.add(s)
	r.Unlock()
	data, err := json.Marshal(s)
	die(err)
	expires := uint64(time.Now().Add(ttl).UnixNano())
	r.queue.QueueBroadcast(&broadcast{encode(&update{expires: expires, action: create, data: data})})
}

func (r *ring) deregister(s *registry.Service) {
	r.Lock()
	r.remove(s)
	r.Unlock()
	data, err := json.Marshal(s)
	die(err)
	r.queue.QueueBroadcast(&broadcast{encode(&update{action: remove, data: data})})
}

// The delegate of memberlist.

func (r *ring) NodeMeta(int) []byte { return nil }
func (r *ring) GetBroadcasts(overhead, limit int) [][]byte {
	return r.queue.GetBroadcasts(overhead, limit)
}

func (r *ring) NotifyMsg(message []byte) {
	u, ok := decode(message)
	s := new(registry.Service)
	if !ok || json.Unmarshal(u.data, s) != nil {
		return
	}
	hash, err := hashstructure.Hash(s, nil)
	die(err)
	r.Lock()
	defer r.Unlock()
	switch u.action {
	case create:
		r.add(s)
		if u.expires > 0 {
			r.leases[hash] = &lease{u.expires, s}
		}
	case remove:
		r.remove(s)
		delete(r.leases, hash)
	}
}

func (r *ring) LocalState(join bool) []byte {
	if !join {
		return nil
	}
	state, err := json.Marshal(r.all())
	die(err)
	return state
}

func (r *ring) MergeRemoteState(state []byte, join bool) {
	var services map[string][]*registry.Service
	if !join || json.Unmarshal(state, &services) != nil {
		return
	}
	r.Lock()
	defer r.Unlock()
	for _, versions := range services {
		for _, s := range versions {
			r.add(s)
		}
	}
}
