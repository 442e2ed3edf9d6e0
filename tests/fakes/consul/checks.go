package main

import (
	"fmt"
	"sync"
	"time"
)

const (
	reapLeast = time.Minute      // the shortest DeregisterCriticalServiceAfter
	reapEvery = 30 * time.Second // how often it is looked
)

// A TTL check's clock.
type clockwork struct {
	ttl, reapAfter time.Duration
	timer          *time.Timer
	last           string // output
	critical       time.Time
}

// TTLs run out, and services that are critical for too long are deregistered. `fast` shortens the latter alone.
type checks struct {
	sync.Mutex // taken before the store's
	store      *store
	clocks     map[string]*clockwork // by check id: unique on an agent
	fast       float64
}

func newChecks(s *store, fast float64) *checks {
	c := &checks{store: s, clocks: map[string]*clockwork{}, fast: fast}
	go func() {
		for range time.Tick(time.Duration(float64(reapEvery) / fast)) {
			c.reap()
		}
	}()
	return c
}

func (c *checks) clear() {
	c.Lock()
	defer c.Unlock()
	for _, w := range c.clocks {
		w.timer.Stop()
	}
	c.clocks = map[string]*clockwork{}
}

// The check's owner; nil: there is none. The store is locked.
func (c *checks) owner(id string) (*instance, *check) {
	for _, n := range c.store.services {
		for _, i := range n.instances {
			if found := i.checks[id]; found != nil && i.node.Node == c.store.own {
				return i, found
			}
		}
	}
	return nil, nil
}

// Begins the clock of a TTL check anew. Locked.
func (c *checks) watch(id string, ttl, reapAfter time.Duration) {
	if old := c.clocks[id]; old != nil {
		old.timer.Stop()
	}
	if reapAfter > 0 && reapAfter < reapLeast {
		reapAfter = reapLeast
	}
	w := &clockwork{ttl: ttl, reapAfter: reapAfter, critical: time.Now()}
	w.timer = time.AfterFunc(ttl, func() { c.expire(id, w) })
	if ttl == 0 {
		w.timer.Stop()
	}
	c.clocks[id] = w
}

// Locked.
func (c *checks) forget(id string) {
	if w := c.clocks[id]; w != nil {
		w.timer.Stop()
		delete(c.clocks, id)
	}
}

func (c *checks) expire(id string, w *clockwork) {
	c.Lock()
	defer c.Unlock()
	if c.clocks[id] != w {
		return
	}
	output := "TTL expired"
	if w.last != "" {
		output += " (last output before timeout follows): " + w.last
	}
	c.store.Lock()
	defer c.store.Unlock()
	c.say(id, "critical", output)
}

// Both locked.
func (c *checks) say(id, status, output string) {
	i, old := c.owner(id)
	if i == nil {
		return
	}
	if status == "critical" && old.Status != "critical" {
		c.clocks[id].critical = time.Now()
	}
	v := *old
	v.Status, v.Output = status, output
	c.store.setCheck(i, v)
}

// What an app says of itself.
func (c *checks) update(id, status, output string) error {
	c.Lock()
	defer c.Unlock()
	w := c.clocks[id]
	if w == nil || w.ttl == 0 {
		return failure{500, fmt.Sprintf("CheckID %q does not have associated TTL", id)}
	}
	w.last = output
	w.timer.Reset(w.ttl)
	c.store.Lock()
	defer c.store.Unlock()
	c.say(id, status, output)
	return nil
}

// Deregisters. Both locked.
func (c *checks) drop(i *instance) {
	for id := range i.checks {
		c.forget(id)
	}
	c.store.remove(i)
}

func (c *checks) reap() {
	c.Lock()
	defer c.Unlock()
	c.store.Lock()
	defer c.store.Unlock()
	for id, w := range c.clocks {
		i, found := c.owner(id)
		limit := time.Duration(float64(w.reapAfter) / c.fast)
		if i != nil && found.Status == "critical" && w.reapAfter > 0 && time.Since(w.critical) > limit {
			c.drop(i)
		}
	}
}
