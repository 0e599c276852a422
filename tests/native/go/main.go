// go-oidc: finds the key set by the issuer's discovery document, then verifies tokens, one a line.
// native ISSUER AUDIENCE: {"id", "token"} in, {"id", "accepted", "error"} out.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

type asked struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

type told struct {
	ID       string `json:"id"`
	Accepted bool   `json:"accepted"`
	Error    string `json:"error,omitempty"`
}

func main() {
	issuer, audience := os.Args[1], os.Args[2]
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		log.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: audience})
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var in asked
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			log.Fatal(err)
		}
		answer := told{ID: in.ID, Accepted: true}
		if _, err := verifier.Verify(ctx, in.Token); err != nil {
			answer.Accepted, answer.Error = false, err.Error()
		}
		if err := out.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}
