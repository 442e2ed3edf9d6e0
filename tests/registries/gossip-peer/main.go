// A member of a gossip ring as go-micro v2.9.1's gossip registry is one: hashicorp/memberlist v0.1.5 with the settings,
// the messages and the rules of that plugin, and go-micro's own records. (The plugin itself is in no module proxy.)
// Obeys lines on standard input and answers each with one line of JSON:
//
//	join ADDRESS | register TTL_S SERVICE | deregister SERVICE | list | members | leave | raw HEX | rawtcp HEX | quit
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/micro/go-micro/v2/registry"
)

func die(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func split(address string) (string, int) {
	host, port, err := net.SplitHostPort(address)
	die(err)
	number, err := strconv.Atoi(port)
	die(err)
	return host, number
}

func configure(bind, advertise, name, key string) *memberlist.Config {
	c := memberlist.DefaultLocalConfig()
	c.BindAddr, c.BindPort = split(bind)
	c.AdvertisePort = c.BindPort
	if advertise != "" {
		c.AdvertiseAddr, c.AdvertisePort = split(advertise)
	}
	c.PushPullInterval = 0
	c.ProtocolVersion = 4
	c.Name = name
	c.LogOutput = os.Stderr
	if key != "" {
		c.SecretKey = []byte(key)
	}
	return c
}

func say(value interface{}, err error) {
	if err != nil {
		value = map[string]string{"error": err.Error()}
	}
	line, err := json.Marshal(value)
	die(err)
	fmt.Printf("%s\n", line)
}

func service(text string) *registry.Service {
	s := new(registry.Service)
	die(json.Unmarshal([]byte(text), s))
	return s
}

func (r *ring) send(text string, tcp bool) error {
	message, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	sent := false
	for _, m := range r.list.Members() {
		if m.Name == r.list.LocalNode().Name {
			continue
		}
		if tcp {
			err = r.list.SendReliable(m, message)
		} else {
			err = r.list.SendBestEffort(m, message)
		}
		sent = sent || err == nil
	}
	if sent {
		return nil // who did not take it has just ended
	}
	return err
}

type member struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

func (r *ring) members() []member {
	var all []member
	for _, m := range r.list.Members() {
		all = append(all, member{m.Name, m.Address()})
	}
	return all
}

func (r *ring) obey(words []string) {
	switch words[0] {
	case "join":
		n, err := r.list.Join(strings.Split(words[1], ","))
		say(n, err)
	case "register":
		ttl, err := strconv.ParseFloat(words[1], 64)
		die(err)
		r.register(service(words[2]), time.Duration(ttl*float64(time.Second)))
		say("ok", nil)
	case "deregister":
		r.deregister(service(words[1]))
		say("ok", nil)
	case "list":
		say(r.all(), nil)
	case "members":
		say(r.members(), nil)
	case "raw", "rawtcp":
		say("ok", r.send(words[1], words[0] == "rawtcp"))
	case "leave":
		say("ok", r.list.Leave(time.Second))
	case "quit":
		os.Exit(0)
	default:
		log.Fatalf("what is %q?", words[0])
	}
}

// The last word is JSON and may have spaces.
func words(line string) []string {
	all := strings.SplitN(line, " ", 2)
	if all[0] == "register" {
		all = strings.SplitN(line, " ", 3)
	}
	return all
}

func main() {
	bind := flag.String("bind", "127.0.0.1:0", "host:port")
	advertise := flag.String("advertise", "", "host:port that others reach it at, unless that is where it is")
	name := flag.String("name", "micro-peer", "of this member")
	key := flag.String("key", "", "16, 24 or 32 bytes")
	seeds := flag.String("join", "", "addresses with commas between")
	flag.Parse()

	r := newRing(configure(*bind, *advertise, *name, *key), *seeds)
	say(map[string]string{"address": r.list.LocalNode().Address()}, nil)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r.obey(words(lines.Text()))
	}
}
