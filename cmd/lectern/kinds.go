package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The kinds of settings: how the values of each are read and written.

func single(values []string) (string, error) {
	if len(values) != 1 {
		return "", fmt.Errorf("it is given %d times and can be set once", len(values))
	}
	return values[0], nil
}

func text(name, arg, help string, at func(*Config) *string) setting {
	return setting{name: name, arg: arg, help: help,
		set: func(c *Config, values []string) (err error) {
			*at(c), err = single(values)
			return err
		},
		get: func(c Config) string { return *at(&c) },
	}
}

func hidden(name, arg, help string, at func(*Config) *secret) setting {
	return setting{name: name, arg: arg, help: help,
		set: func(c *Config, values []string) error {
			v, err := single(values)
			*at(c) = secret(v)
			return err
		},
		get: func(c Config) string { return at(&c).String() },
	}
}

func duration(name, help string, at func(*Config) *time.Duration) setting {
	return setting{name: name, arg: "DURATION", help: help,
		set: func(c *Config, values []string) error {
			v, err := single(values)
			if err != nil {
				return err
			}
			if *at(c), err = time.ParseDuration(v); err != nil {
				return fmt.Errorf("%q is not a duration: write 15s, 500ms or 2m", v)
			}
			return nil
		},
		get: func(c Config) string {
			s := at(&c).String()
			if strings.HasSuffix(s, "m0s") {
				s = strings.TrimSuffix(s, "0s")
			}
			return s
		},
	}
}

func integer(name, help string, at func(*Config) *int) setting {
	return setting{name: name, arg: "N", help: help,
		set: func(c *Config, values []string) error {
			v, err := single(values)
			if err != nil {
				return err
			}
			if *at(c), err = strconv.Atoi(v); err != nil {
				return fmt.Errorf("%q is not a whole number", v)
			}
			return nil
		},
		get: func(c Config) string { return strconv.Itoa(*at(&c)) },
	}
}

func boolean(name, help string, at func(*Config) *bool) setting {
	return setting{name: name, arg: "true|false", help: help,
		set: func(c *Config, values []string) error {
			v, err := single(values)
			if err != nil {
				return err
			}
			if v != "true" && v != "false" {
				return fmt.Errorf("%q is neither true nor false", v)
			}
			*at(c) = v == "true"
			return nil
		},
		get: func(c Config) string { return strconv.FormatBool(*at(&c)) },
	}
}

func list(name, arg, help string, at func(*Config) *[]string) setting {
	return setting{name: name, arg: arg, help: help, list: true,
		set: func(c *Config, values []string) error {
			var all []string
			for _, v := range values {
				for part := range strings.SplitSeq(v, ",") {
					if part = strings.TrimSpace(part); part != "" {
						all = append(all, part)
					}
				}
			}
			*at(c) = all
			return nil
		},
		get: func(c Config) string { return strings.Join(*at(&c), ",") },
	}
}
