package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	waitDefault = 5 * time.Minute
	waitMost    = 10 * time.Minute
)

// An answer that is no 200, in Consul's words.
type failure struct {
	status int
	text   string
}

func (f failure) Error() string { return f.text }

type api struct {
	store     *store
	acl       *acl
	checks    *checks
	latency   atomic.Int64 // ns
	requests  atomic.Int64
	blocked   atomic.Int64
	answered  atomic.Int64 // bytes
	oldErrors atomic.Bool  // as Consul before 1.14 or so answered
}

// What a route's function says: a value, written as JSON unless it is bytes already; nil: an empty body.
type route func(w http.ResponseWriter, r *http.Request, rest string) (any, error)

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	add := func(method, path string, f route) { mux.HandleFunc(path, a.wrap(method, path, f)) }

	add("GET", "/v1/agent/self", a.agentSelf)
	add("GET", "/v1/agent/host", a.agentHost)
	add("GET", "/v1/agent/services", a.agentServices)
	add("GET", "/v1/agent/checks", a.agentChecks)
	add("GET", "/v1/agent/service/", a.agentService)
	add("PUT", "/v1/agent/service/register", a.register)
	add("PUT", "/v1/agent/service/deregister/", a.deregister)
	add("PUT", "/v1/agent/service/maintenance/", a.maintenance)
	add("PUT", "/v1/agent/check/register", a.registerCheck)
	add("PUT", "/v1/agent/check/deregister/", a.deregisterCheck)
	add("PUT", "/v1/agent/check/pass/", a.says("passing"))
	add("PUT", "/v1/agent/check/warn/", a.says("warning"))
	add("PUT", "/v1/agent/check/fail/", a.says("critical"))
	add("PUT", "/v1/agent/check/update/", a.updateCheck)
	add("GET", "/v1/catalog/datacenters", a.datacenters)
	add("GET", "/v1/catalog/nodes", a.catalogNodes)
	add("GET", "/v1/catalog/services", a.catalogServices)
	add("GET", "/v1/catalog/service/", a.catalogService)
	add("GET", "/v1/health/service/", a.healthService)
	add("GET", "/v1/health/connect/", a.healthConnect)
	add("GET", "/v1/health/checks/", a.healthChecks)
	add("GET", "/v1/health/node/", a.healthNode)
	add("GET", "/v1/health/state/", a.healthState)
	add("GET", "/v1/status/leader", a.statusLeader)
	add("GET", "/v1/status/peers", a.statusPeers)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		fmt.Fprintln(w, "Invalid URL path: not a recognized HTTP API endpoint")
	})
	return mux
}

func (a *api) wrap(method, path string, f route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.requests.Add(1)
		time.Sleep(time.Duration(a.latency.Load()))
		w.Header().Set("X-Consul-Default-ACL-Policy", map[bool]string{true: "deny", false: "allow"}[a.acl.on])
		if r.Method != method {
			w.Header().Set("Allow", "OPTIONS,"+method)
			fail(w, failure{405, "method " + r.Method + " not allowed"})
			return
		}
		if strings.ContainsAny(r.URL.Path, "\r\n") {
			fail(w, failure{400, "invalid character in path"})
			return
		}
		value, err := f(w, r, strings.TrimPrefix(r.URL.Path, path))
		if err != nil {
			fail(w, err)
			return
		}
		a.write(w, r, value)
	}
}

func fail(w http.ResponseWriter, err error) {
	status := 500
	if f, ok := err.(failure); ok {
		status = f.status
	}
	w.WriteHeader(status)
	fmt.Fprint(w, err)
}

func (a *api) write(w http.ResponseWriter, r *http.Request, value any) {
	if value == nil {
		return
	}
	body, ok := value.([]byte)
	if !ok {
		if _, pretty := r.URL.Query()["pretty"]; pretty {
			body, _ = json.MarshalIndent(value, "", "    ")
		} else {
			body, _ = json.Marshal(value)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	a.answered.Add(int64(len(body)))
	_, _ = w.Write(body)
}

// ---- blocking queries ----

type query struct {
	index         uint64
	wait          time.Duration
	stale, strict bool
}

func (a *api) query(r *http.Request) (q query, err error) {
	v := r.URL.Query()
	_, q.stale = v["stale"]
	_, q.strict = v["consistent"]
	q.wait = waitDefault
	if q.stale && q.strict {
		return q, failure{400, "Cannot specify ?stale with ?consistent, conflicting semantics."}
	}
	if text := v.Get("wait"); text != "" {
		if q.wait, err = time.ParseDuration(text); err != nil {
			return q, failure{400, "Invalid wait time"}
		}
	}
	if text := v.Get("index"); text != "" {
		if q.index, err = strconv.ParseUint(text, 10, 64); err != nil {
			return q, failure{400, "Invalid index"}
		}
	}
	if q.wait > waitMost {
		q.wait = waitMost
	}
	if dc := v.Get("dc"); dc != "" && dc != a.store.dc {
		return q, failure{500, "No path to datacenter"}
	}
	for option, what := range map[string]string{"ns": "Namespaces", "partition": "Partitions"} {
		if at := v.Get(option); at != "" && at != "default" {
			return q, failure{400, fmt.Sprintf("Invalid query parameter: %q - %s are a Consul Enterprise feature", option, what)}
		}
	}
	if v.Get("filter") != "" {
		return q, failure{400, "filter: this fake of Consul has none"}
	}
	return q, nil
}

// Holds the answer back until look()'s index is above the query's, all was lost, or its time is over. Returns with the
// store locked; look() is called locked.
func (a *api) block(w http.ResponseWriter, r *http.Request, look func() (uint64, chan struct{})) error {
	q, err := a.query(r)
	if err != nil {
		a.store.Lock()
		return err
	}
	end := time.NewTimer(q.wait + time.Duration(rand.Int63n(int64(q.wait)/16+1)))
	defer end.Stop()
	a.store.Lock()
	lives := a.store.lives
	for {
		if !a.store.leader && !q.stale {
			return failure{500, "No cluster leader"}
		}
		index, changed := look()
		if q.index == 0 || index > q.index || a.store.lives != lives {
			break
		}
		a.store.Unlock()
		a.blocked.Add(1)
		over := wait(r, changed, end)
		a.blocked.Add(-1)
		a.store.Lock()
		if over {
			break
		}
	}
	index, _ := look()
	if index == 0 {
		index = 1
	}
	head := w.Header()
	head.Set("X-Consul-Index", strconv.FormatUint(index, 10))
	head.Set("X-Consul-KnownLeader", strconv.FormatBool(a.store.leader))
	head.Set("X-Consul-LastContact", "0")
	head.Set("X-Consul-Query-Backend", "blocking-query")
	head.Set("X-Consul-Effective-Consistency", map[bool]string{true: "stale", false: "leader"}[q.stale])
	return nil
}

func wait(r *http.Request, changed chan struct{}, end *time.Timer) bool {
	select {
	case <-changed:
		return false
	case <-end.C:
	case <-r.Context().Done():
	}
	return true
}

// Some of it was left out. The anonymous token is not told.
func filtered(w http.ResponseWriter, r *http.Request, some bool) {
	if some && tokenOf(r) != "" {
		w.Header().Set("X-Consul-Results-Filtered-By-ACLs", "true")
	}
}
