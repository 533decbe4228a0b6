// Package webhooks says whether a request is CronFlow's, whole and recent. Standard library alone.
//
// Give it the body as it came, before anything has parsed it; both secrets while one is rotated. Whoever has seen webhook-id
// before has done what the message says: it is delivered at least once.
package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrRefused is all that a sender need know.
var ErrRefused = errors.New("not CronFlow's, not whole, or not recent")

// Verify returns nil for what is to be believed.
func Verify(secrets []string, header http.Header, body []byte, tolerance time.Duration, now time.Time) error {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseUint(timestamp, 10, 62)
	if id == "" || err != nil || now.Sub(time.Unix(int64(seconds), 0)).Abs() > tolerance {
		return ErrRefused
	}
	right := false
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < 24 {
			return errors.New("the secret is empty or cut off")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		expected := mac.Sum(nil)
		for _, one := range strings.Split(header.Get("webhook-signature"), " ") {
			given, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "v1,"))
			if strings.HasPrefix(one, "v1,") && err == nil && hmac.Equal(expected, given) {
				right = true
			}
		}
	}
	if !right {
		return ErrRefused
	}
	return nil
}
