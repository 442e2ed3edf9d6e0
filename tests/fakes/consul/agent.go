package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ---- what clients send ----

// A Go duration as text, or a number of nanoseconds.
type span time.Duration

func (s *span) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil || text == "" {
			return err
		}
		d, err := time.ParseDuration(text)
		*s = span(d)
		return err
	}
	n, err := strconv.ParseFloat(string(b), 64)
	*s = span(n)
	return err
}

type checkRequest struct {
	ID, CheckID, Name, Notes, Status, ServiceID                          string
	TTL, Interval, Timeout, DeregisterCriticalServiceAfter               span
	HTTP, TCP, UDP, GRPC, Shell, DockerContainerID, AliasService, H2Ping string
	Args, ScriptArgs                                                     []string
}

func (c *checkRequest) kind() string {
	switch {
	case c.TTL > 0:
		return "ttl"
	case c.HTTP != "":
		return "http"
	case c.TCP != "":
		return "tcp"
	case c.GRPC != "":
		return "grpc"
	case c.UDP != "":
		return "udp"
	}
	return ""
}

func (c *checkRequest) isEmpty() bool {
	return c.kind() == "" && c.Interval == 0 && c.CheckID == "" && c.Name == "" && len(c.Args) == 0
}

func (c *checkRequest) fault() string {
	if c.kind() == "" {
		return "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks"
	}
	if c.kind() != "ttl" && c.Interval <= 0 {
		return "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks"
	}
	return ""
}

func statusIsValid(status string) bool {
	return status == "passing" || status == "warning" || status == "critical"
}

type serviceRequest struct {
	ID, Name, Address string
	Tags              []string
	Port              int
	Meta              map[string]string
	Weights           *weights
	EnableTagOverride bool
	TaggedAddresses   map[string]address
	Check             *checkRequest
	Checks            []*checkRequest
}

// Consul takes "deregister_critical_service_after" for "DeregisterCriticalServiceAfter", in any case. Keys of metadata are
// what they are.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, value := range v {
			if name := strings.ReplaceAll(k, "_", ""); strings.EqualFold(name, "meta") || strings.EqualFold(name, "taggedaddresses") {
				out[name] = value
			} else {
				out[name] = plain(value)
			}
		}
		return out
	case []any:
		for n := range v {
			v[n] = plain(v[n])
		}
	}
	return v
}

func decode(r *http.Request, out any) error {
	var tree any
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &tree)
	}
	if err == nil {
		body, _ = json.Marshal(plain(tree))
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		return failure{400, fmt.Sprintf("Request decode failed: %v", err)}
	}
	return nil
}

var metaKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

func metaFault(meta map[string]string) string {
	if len(meta) > 64 {
		return "Node metadata cannot contain more than 64 key/value pairs"
	}
	for k, v := range meta {
		fault := ""
		switch {
		case k == "":
			fault = "Key cannot be blank"
		case !metaKey.MatchString(k):
			fault = "Key contains invalid characters"
		case len(k) > 128:
			fault = "Key is too long (limit: 128 characters)"
		case strings.HasPrefix(k, "consul-"):
			fault = "Key prefix 'consul-' is reserved for internal use"
		case len(v) > 512:
			fault = "Value is too long (limit: 512 characters)"
		}
		if fault != "" {
			return fmt.Sprintf("Couldn't load metadata pair ('%s', '%s'): %s", k, v, fault)
		}
	}
	return ""
}

func (q *serviceRequest) fault() string {
	if q.Name == "" {
		return "Missing service name"
	}
	if q.Address == "0.0.0.0" || q.Address == "::" || q.Address == "[::]" {
		return "Invalid service address"
	}
	if w := q.Weights; w != nil {
		switch {
		case w.Passing < 1:
			return "Invalid Weights: Passing must be greater than 0"
		case w.Warning < 0:
			return "Invalid Weights: Warning must be greater or equal than 0"
		case w.Passing > 65535 || w.Warning > 65535:
			return "Invalid Weights: DNS Weight must be between 0 and 65535"
		}
	}
	if text := metaFault(q.Meta); text != "" {
		return "Invalid Service Meta: " + text
	}
	for _, c := range q.Checks {
		if text := c.fault(); text != "" {
			return "Invalid check: " + text
		}
		if c.Status != "" && !statusIsValid(c.Status) {
			return "Status for checks must 'passing', 'warning', 'critical'"
		}
	}
	return ""
}

// ---- services ----

func (a *api) register(_ http.ResponseWriter, r *http.Request, _ string) (any, error) {
	var q serviceRequest
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	if q.Check != nil && !q.Check.isEmpty() {
		q.Checks = append([]*checkRequest{q.Check}, q.Checks...)
	}
	if text := q.fault(); text != "" {
		return nil, failure{400, text}
	}
	token, err := a.acl.of(r)
	if err == nil && !token.mayWrite(q.Name) {
		err = denied(token, "write", "service", q.Name)
	}
	if err != nil {
		return nil, err
	}
	replace, given := r.URL.Query()["replace-existing-checks"]
	a.checks.Lock()
	defer a.checks.Unlock()
	a.store.Lock()
	defer a.store.Unlock()
	if q.ID == "" {
		q.ID = q.Name
	}
	if old := a.store.find(a.store.own, q.ID); old != nil && !token.mayWrite(old.service.Service) {
		return nil, denied(token, "write", "service", old.service.Service)
	}
	a.put(&q, given && (replace[0] == "" || replace[0] == "true"))
	return nil, nil
}

// Both locked.
func (a *api) put(q *serviceRequest, replace bool) {
	v := service{ID: q.ID, Service: q.Name, Tags: q.Tags, Address: q.Address, Meta: q.Meta, Port: q.Port, Weights: weights{1, 1},
		EnableTagOverride: q.EnableTagOverride, TaggedAddresses: q.TaggedAddresses}
	if q.Weights != nil {
		v.Weights = *q.Weights
	}
	if v.TaggedAddresses == nil && q.Address != "" {
		family := "ipv4"
		if strings.Contains(q.Address, ":") {
			family = "ipv6"
		}
		both := address{q.Address, q.Port}
		v.TaggedAddresses = map[string]address{"lan_" + family: both, "wan_" + family: both}
	}
	if old := a.store.find(a.store.own, q.ID); old != nil && old.service.Service != q.Name {
		a.checks.drop(old)
	}
	i := a.store.put(a.store.own, v)
	kept := map[string]bool{}
	for n, c := range q.Checks {
		id := c.CheckID
		if id == "" {
			id = c.ID
		}
		if id == "" {
			id = "service:" + q.ID
			if len(q.Checks) > 1 {
				id += ":" + strconv.Itoa(n+1)
			}
		}
		kept[id] = true
		a.putCheck(i, id, c)
	}
	for id := range i.checks {
		if replace && !kept[id] {
			a.checks.forget(id)
			a.store.dropCheck(i, id)
		}
	}
}

// A check that is there already keeps its status, whatever the request says. Both locked.
func (a *api) putCheck(i *instance, id string, c *checkRequest) {
	v := check{CheckID: id, Name: c.Name, Status: "critical", Notes: c.Notes, Type: c.kind()}
	if v.Name == "" {
		v.Name = fmt.Sprintf("Service '%s' check", i.service.Service)
	}
	if c.Status != "" {
		v.Status = c.Status
	}
	if c.Interval > 0 {
		v.Interval = time.Duration(c.Interval).String()
	}
	if old := i.checks[id]; old != nil {
		v.Status, v.Output = old.Status, old.Output
	}
	was := a.checks.clocks[id]
	a.checks.watch(id, time.Duration(c.TTL), time.Duration(c.DeregisterCriticalServiceAfter))
	if was != nil && v.Status == "critical" {
		a.checks.clocks[id].critical = was.critical
	}
	a.store.setCheck(i, v)
}

// The service that is meant, once the token may change it. On success both are locked, until done().
func (a *api) own(r *http.Request, id string) (i *instance, done func(), err error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, nil, err
	}
	a.checks.Lock()
	a.store.Lock()
	done = func() { a.store.Unlock(); a.checks.Unlock() }
	i = a.store.find(a.store.own, id)
	switch {
	case i == nil:
		err = failure{404, fmt.Sprintf("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)}
	case !token.mayWrite(i.service.Service):
		err = denied(token, "write", "service", i.service.Service)
	}
	if err != nil {
		done()
	}
	return i, done, err
}

func (a *api) deregister(_ http.ResponseWriter, r *http.Request, id string) (any, error) {
	i, done, err := a.own(r, id)
	if err != nil {
		return nil, err
	}
	defer done()
	a.checks.drop(i)
	return nil, nil
}

const maintenanceReason = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."

func (a *api) maintenance(_ http.ResponseWriter, r *http.Request, id string) (any, error) {
	v := r.URL.Query()
	if id == "" {
		return nil, failure{400, "Missing service ID"}
	}
	if _, given := v["enable"]; !given {
		return nil, failure{400, "Missing value for enable"}
	}
	enable, err := strconv.ParseBool(v.Get("enable"))
	if err != nil {
		return nil, failure{400, fmt.Sprintf("Invalid value for enable: %q", v.Get("enable"))}
	}
	i, done, err := a.own(r, id)
	if err != nil {
		return nil, err
	}
	defer done()
	checkID, reason := "_service_maintenance:"+id, v.Get("reason")
	if reason == "" {
		reason = maintenanceReason
	}
	if !enable {
		a.store.dropCheck(i, checkID)
	} else if i.checks[checkID] == nil {
		a.store.setCheck(i, check{CheckID: checkID, Name: "Service Maintenance Mode", Notes: reason, Status: "critical", Type: "maintenance"})
	}
	return nil, nil
}

// ---- checks ----

func (a *api) registerCheck(_ http.ResponseWriter, r *http.Request, _ string) (any, error) {
	var q checkRequest
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	if q.Name == "" {
		return nil, failure{400, "Missing check name"}
	}
	if text := q.fault(); text != "" {
		return nil, failure{400, "Invalid check: " + text}
	}
	if q.ServiceID == "" {
		return nil, failure{400, "this fake of Consul has no checks of nodes"}
	}
	i, done, err := a.own(r, q.ServiceID)
	if f, ok := err.(failure); ok && f.status == 404 {
		return nil, failure{404, fmt.Sprintf("ServiceID %q does not exist", q.ServiceID)}
	}
	if err != nil {
		return nil, err
	}
	defer done()
	id := q.CheckID
	if id == "" {
		id = q.ID
	}
	if id == "" {
		id = q.Name
	}
	a.putCheck(i, id, &q)
	return nil, nil
}

// May the token change it?
func (a *api) checkIsOurs(r *http.Request, id string) error {
	token, err := a.acl.of(r)
	if err != nil {
		return err
	}
	a.store.Lock()
	defer a.store.Unlock()
	i, _ := a.checks.owner(id)
	switch {
	case i == nil && a.oldErrors.Load():
		return failure{500, fmt.Sprintf("CheckID %q does not have associated TTL", id)}
	case i == nil:
		return failure{404, fmt.Sprintf("Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)}
	case !token.mayWrite(i.service.Service):
		return denied(token, "write", "service", i.service.Service)
	}
	return nil
}

func (a *api) deregisterCheck(_ http.ResponseWriter, r *http.Request, id string) (any, error) {
	if err := a.checkIsOurs(r, id); err != nil {
		return nil, err
	}
	a.checks.Lock()
	defer a.checks.Unlock()
	a.store.Lock()
	defer a.store.Unlock()
	if i, _ := a.checks.owner(id); i != nil {
		a.checks.forget(id)
		a.store.dropCheck(i, id)
	}
	return nil, nil
}

func (a *api) says(status string) route {
	return func(_ http.ResponseWriter, r *http.Request, id string) (any, error) {
		if err := a.checkIsOurs(r, id); err != nil {
			return nil, err
		}
		return nil, a.checks.update(id, status, r.URL.Query().Get("note"))
	}
}

func (a *api) updateCheck(_ http.ResponseWriter, r *http.Request, id string) (any, error) {
	var q struct{ Status, Output string }
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	if !statusIsValid(q.Status) {
		return nil, failure{400, fmt.Sprintf("Invalid check status: '%s'", q.Status)}
	}
	if err := a.checkIsOurs(r, id); err != nil {
		return nil, err
	}
	return nil, a.checks.update(id, q.Status, q.Output)
}

// ---- what the agent says ----

func (a *api) mayAgent(r *http.Request) error {
	token, err := a.acl.of(r)
	if err == nil && !token.all {
		err = denied(token, "read", "agent", a.store.own)
	}
	return err
}

func (a *api) agentSelf(_ http.ResponseWriter, r *http.Request, _ string) (any, error) {
	if err := a.mayAgent(r); err != nil {
		return nil, err
	}
	return map[string]any{
		"Config": map[string]any{"Datacenter": a.store.dc, "PrimaryDatacenter": "", "NodeName": a.store.own, "NodeID": uuid(),
			"Revision": "fake", "Server": true, "Version": "0.0.0-csidecar-fake"},
		"Member": map[string]any{"Name": a.store.own, "Addr": "127.0.0.1", "Port": 8301, "Status": 1},
		"Meta":   map[string]any{}, "Stats": map[string]any{}}, nil
}

func (a *api) agentHost(_ http.ResponseWriter, r *http.Request, _ string) (any, error) {
	if token, err := a.acl.of(r); err != nil {
		return nil, err
	} else if !token.all {
		return nil, denied(token, "read", "operator", "")
	}
	return map[string]any{"Memory": map[string]any{"total": 1}, "CPU": []any{}, "Host": map[string]any{"hostname": a.store.own, "os": "linux"},
		"Disk": map[string]any{}, "CollectionTime": time.Now().UnixNano(), "Errors": nil}, nil
}

// As /v1/agent/services has one.
func (a *api) agentForm(i *instance) map[string]any {
	v := i.service
	return map[string]any{"ID": v.ID, "Service": v.Service, "Tags": v.Tags, "Meta": orEmpty(v.Meta), "Port": v.Port, "Address": v.Address,
		"TaggedAddresses": v.TaggedAddresses, "Weights": v.Weights, "EnableTagOverride": v.EnableTagOverride, "Datacenter": a.store.dc}
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// Ours, as far as the token may read them. Locked.
func (a *api) ours(token *rules, f func(*instance)) {
	for _, n := range a.store.services {
		for _, i := range n.order() {
			if i.node.Node == a.store.own && !i.raw && i.service.ID != "consul" && token.mayRead(i.service.Service) {
				f(i)
			}
		}
	}
}

func (a *api) agentServices(_ http.ResponseWriter, r *http.Request, _ string) (any, error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, err
	}
	a.store.Lock()
	defer a.store.Unlock()
	out := map[string]any{}
	a.ours(token, func(i *instance) { out[i.service.ID] = a.agentForm(i) })
	return out, nil
}

func (a *api) agentChecks(_ http.ResponseWriter, r *http.Request, _ string) (any, error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, err
	}
	a.store.Lock()
	defer a.store.Unlock()
	out := map[string]any{}
	a.ours(token, func(i *instance) {
		for id, c := range i.checks {
			out[id] = *c
		}
	})
	return out, nil
}

func hashOf(v any) string {
	b, _ := json.Marshal(v)
	h := fnv.New64a()
	_, _ = h.Write(b)
	return fmt.Sprintf("%016x", h.Sum64())
}

// Blocks on ?hash=.
func (a *api) agentService(w http.ResponseWriter, r *http.Request, id string) (any, error) {
	token, err := a.acl.of(r)
	if err != nil {
		return nil, err
	}
	q, err := a.query(r)
	if err != nil {
		return nil, err
	}
	end := time.NewTimer(q.wait)
	defer end.Stop()
	for over := false; ; {
		a.store.Lock()
		i := a.store.find(a.store.own, id)
		if i == nil {
			a.store.Unlock()
			return nil, failure{404, fmt.Sprintf("unknown service ID: %s", id)}
		}
		if !token.mayRead(i.service.Service) {
			a.store.Unlock()
			return nil, denied(token, "read", "service", i.service.Service)
		}
		form, changed := a.agentForm(i), a.store.all.changed
		hash := hashOf(form)
		a.store.Unlock()
		if over || r.URL.Query().Get("hash") != hash {
			form["ContentHash"] = hash
			w.Header().Set("X-Consul-ContentHash", hash)
			return form, nil
		}
		over = wait(r, changed, end)
	}
}
