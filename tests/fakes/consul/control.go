package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strconv"
	"time"
)

// What tests do to the fake, by POST on its other port; the answer is JSON:
//
//	/away /back              nobody listens, all connections are reset; what is in it stays
//	/lose                    all is lost and indexes begin anew, with no connection broken (a snapshot restored)
//	/clear                   all services go, as if deregistered: indexes go on
//	/leader?is=false         the cluster has no leader
//	/node?name=N&status=S    serfHealth of a node (made if it is not there) becomes S
//	/latency?ms=N            every answer comes later
//	/conns?most=N            http_max_conns_per_client
//	/old?is=true             errors as older versions say them
//	/token?secret=T          body {"Accessor","Read":["a"],"Write":["b"]}: prefixes; no body: the token goes
//	/raw?service=S&id=I      body: what stands in /v1/health/service/S, as it is; no body: it goes
//	/load?services=N&instances=M&nodes=K   svc-0..N-1 with M instances in all, of real size
//	/churn?rate=R&seconds=S&services=N     so many changes a second, each of one instance's port
//	/stats                   what there was to do
type control struct {
	api   *api
	front *front
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]func(*http.Request) (any, error){
		"/away": c.away, "/back": c.back, "/lose": c.lose, "/clear": c.clear, "/leader": c.leader, "/node": c.node, "/latency": c.latency,
		"/conns": c.conns, "/old": c.old, "/token": c.token, "/raw": c.raw, "/load": c.load, "/churn": c.churn, "/stats": c.stats,
	} {
		f := f
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			value, err := f(r)
			if err != nil {
				fail(w, err)
				return
			}
			_ = json.NewEncoder(w).Encode(value)
		})
	}
	return mux
}

func number(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

func (c *control) locked(f func(s *store)) {
	c.api.checks.Lock()
	defer c.api.checks.Unlock()
	c.api.store.Lock()
	defer c.api.store.Unlock()
	f(c.api.store)
}

func (c *control) away(*http.Request) (any, error) {
	c.front.close()
	return true, nil
}

func (c *control) back(*http.Request) (any, error) {
	return true, c.front.open()
}

func (c *control) lose(*http.Request) (any, error) {
	c.api.checks.clear()
	c.locked(func(s *store) { s.clear() })
	return true, nil
}

func (c *control) clear(*http.Request) (any, error) {
	c.locked(func(s *store) {
		for _, n := range s.services {
			for _, i := range n.order() {
				if i.service.ID != "consul" {
					c.api.checks.drop(i)
				}
			}
		}
	})
	return true, nil
}

func (c *control) leader(r *http.Request) (any, error) {
	c.locked(func(s *store) {
		s.leader = r.URL.Query().Get("is") != "false"
		for _, n := range s.services { // who waits without ?stale is told
			close(n.changed)
			n.changed = make(chan struct{})
		}
	})
	return true, nil
}

func (c *control) node(r *http.Request) (any, error) {
	v := r.URL.Query()
	c.locked(func(s *store) {
		n := s.nodes[v.Get("name")]
		if n == nil {
			n = s.addNode(v.Get("name"), "127.0.0.1")
		}
		n.checks["serfHealth"].Status = v.Get("status")
		for _, of := range s.services {
			for _, i := range of.order() {
				if i.node == n {
					s.changed(i, false)
				}
			}
		}
	})
	return true, nil
}

func (c *control) latency(r *http.Request) (any, error) {
	c.api.latency.Store(int64(number(r, "ms", 0)) * int64(time.Millisecond))
	return true, nil
}

func (c *control) conns(r *http.Request) (any, error) {
	c.front.limit.Lock()
	defer c.front.limit.Unlock()
	c.front.limit.most, c.front.limit.peak = number(r, "most", 200), 0
	return true, nil
}

func (c *control) old(r *http.Request) (any, error) {
	c.api.oldErrors.Store(r.URL.Query().Get("is") == "true")
	return true, nil
}

func (c *control) token(r *http.Request) (any, error) {
	body, _ := io.ReadAll(r.Body)
	if len(body) == 0 {
		c.api.acl.set(r.URL.Query().Get("secret"), nil)
		return true, nil
	}
	var v rules
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, err
	}
	c.api.acl.set(r.URL.Query().Get("secret"), &v)
	return true, nil
}

func (c *control) raw(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	v := r.URL.Query()
	c.locked(func(s *store) {
		if i := s.find(s.own, v.Get("id")); i != nil {
			s.remove(i)
		}
		if len(body) > 0 {
			i := s.put(s.own, service{ID: v.Get("id"), Service: v.Get("service")})
			i.entry, i.raw = body, true
		}
	})
	return true, err
}

func (c *control) load(r *http.Request) (any, error) {
	services, instances, nodes := number(r, "services", 1), number(r, "instances", 1), number(r, "nodes", 20)
	c.locked(func(s *store) {
		for n := 0; n < nodes; n++ {
			if name := fmt.Sprintf("node-%d", n); s.nodes[name] == nil {
				s.addNode(name, fmt.Sprintf("10.0.%d.%d", n/250, n%250+1))
			}
		}
		for n := 0; n < instances; n++ {
			loadOne(s, n, n%services, n%nodes)
		}
	})
	return instances, nil
}

func loadOne(s *store, n, of, nodeNumber int) {
	id := fmt.Sprintf("svc-%d-%d", of, n)
	i := s.put(fmt.Sprintf("node-%d", nodeNumber), service{ID: id, Service: fmt.Sprintf("svc-%d", of), Weights: weights{1, 1},
		Tags:    []string{"v-789ccb492c492d2e010008cc028e", "t-789caa562a28ca2fc94fcecf51b252ca28292950aa05040000ffff46ca06ed"},
		Address: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255), Port: 1000 + n%60000, Meta: map[string]string{"zone": "eu-1", "build": id}})
	s.setCheck(i, check{CheckID: "service:" + id, Name: "TTL", Status: "passing", Type: "ttl"})
}

func (c *control) churn(r *http.Request) (any, error) {
	rate, seconds, services := number(r, "rate", 100), number(r, "seconds", 1), number(r, "services", 1)
	go func() {
		made := 0
		for begin := time.Now(); made < rate*seconds; time.Sleep(5 * time.Millisecond) {
			due := int(time.Since(begin).Seconds() * float64(rate))
			c.locked(func(s *store) {
				for ; made < due && made < rate*seconds; made++ {
					of := s.services[fmt.Sprintf("svc-%d", rand.Intn(services))]
					if of != nil && len(of.instances) > 0 {
						i := of.order()[rand.Intn(len(of.instances))]
						v := i.service
						v.Port = 1000 + (v.Port-1000+1)%60000
						s.put(i.node.Node, v)
					}
				}
			})
		}
	}()
	return true, nil
}

func (c *control) stats(*http.Request) (any, error) {
	open, peak, refused := c.front.limit.count()
	return map[string]any{"connections": open, "peak": peak, "refused": refused, "requests": c.api.requests.Load(),
		"blocked": c.api.blocked.Load(), "answered": c.api.answered.Load()}, nil
}
