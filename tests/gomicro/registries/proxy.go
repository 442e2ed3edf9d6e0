package registries

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/gorilla/websocket"
	"github.com/micro/go-micro/v2/registry"
)

// proxyRegistry asks a micro sidecar's /registry, as go-micro's `proxy` registry does: a Service as JSON, posted and
// deleted; lists by GET; Results by WebSocket.
type proxyRegistry struct {
	options registry.Options
}

// NewProxy is a registry at the first of the addresses.
func NewProxy(options ...registry.Option) registry.Registry {
	p := &proxyRegistry{}
	p.Init(options...)
	return p
}

func (p *proxyRegistry) Init(options ...registry.Option) error {
	for _, set := range options {
		set(&p.options)
	}
	return nil
}

func (p *proxyRegistry) Options() registry.Options { return p.options }
func (p *proxyRegistry) String() string            { return "proxy" }

func (p *proxyRegistry) url(scheme, query string) string {
	return scheme + "://" + p.options.Addrs[0] + "/registry" + query
}

func (p *proxyRegistry) say(method, query string, body []byte, into interface{}) error {
	request, err := http.NewRequest(method, p.url("http", query), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusNotFound {
		return registry.ErrNotFound
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func (p *proxyRegistry) change(method string, s *registry.Service) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return p.say(method, "", body, nil)
}

func (p *proxyRegistry) Register(s *registry.Service, _ ...registry.RegisterOption) error {
	return p.change(http.MethodPost, s)
}

func (p *proxyRegistry) Deregister(s *registry.Service, _ ...registry.DeregisterOption) error {
	return p.change(http.MethodDelete, s)
}

func (p *proxyRegistry) GetService(name string, _ ...registry.GetOption) (found []*registry.Service, err error) {
	err = p.say(http.MethodGet, "?service="+url.QueryEscape(name), nil, &found)
	return found, err
}

func (p *proxyRegistry) ListServices(...registry.ListOption) (found []*registry.Service, err error) {
	err = p.say(http.MethodGet, "", nil, &found)
	return found, err
}

type proxyWatcher struct {
	connection *websocket.Conn
}

func (p *proxyRegistry) Watch(...registry.WatchOption) (registry.Watcher, error) {
	connection, _, err := websocket.DefaultDialer.Dial(p.url("ws", ""), nil)
	if err != nil {
		return nil, err
	}
	return &proxyWatcher{connection}, nil
}

func (w *proxyWatcher) Next() (*registry.Result, error) {
	result := new(registry.Result)
	return result, w.connection.ReadJSON(result)
}

func (w *proxyWatcher) Stop() { w.connection.Close() }
