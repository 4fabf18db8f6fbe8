package sfu

import (
	"slices"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/track"
)

// offeredExtensions are the header extensions of our offers. The ids are the
// same on every connector, all below 15 so that the one-byte form does.
var offeredExtensions = []struct {
	description.Extension
	of []codec.Kind
}{
	{description.Extension{ID: 1, URI: description.URIAudioLevel}, []codec.Kind{codec.Audio}},
	{description.Extension{ID: 2, URI: description.URIAbsSendTime}, []codec.Kind{codec.Audio, codec.Video}},
	{description.Extension{ID: 3, URI: description.URITransportCC}, []codec.Kind{codec.Audio, codec.Video}},
	{description.Extension{ID: 4, URI: description.URIMID}, []codec.Kind{codec.Audio, codec.Video}},
	{description.Extension{ID: 10, URI: description.URIRID}, []codec.Kind{codec.Video}},
	{description.Extension{ID: 11, URI: description.URIRepairedRID}, []codec.Kind{codec.Video}},
	{description.Extension{ID: 13, URI: description.URIVideoOrientation}, []codec.Kind{codec.Video}},
}

// extensionsOf are the extensions we offer for a kind.
func extensionsOf(k codec.Kind) []description.Extension {
	var list []description.Extension
	for _, e := range offeredExtensions {
		if slices.Contains(e.of, k) {
			list = append(list, e.Extension)
		}
	}
	return list
}

// commonExtensions are those of a client's offer that we know, by its ids.
func commonExtensions(theirs []description.Extension, k codec.Kind) []description.Extension {
	ours := extensionsOf(k)
	return slices.DeleteFunc(slices.Clone(theirs), func(t description.Extension) bool {
		return !slices.ContainsFunc(ours, func(o description.Extension) bool { return o.URI == t.URI })
	})
}

// extensionIDs are the ids of a connector's extensions. In a bundle an id means
// the same on every section (RFC 8843 section 7.1.3).
func extensionIDs(sections []description.Section) track.Extensions {
	var ids track.Extensions
	for _, s := range sections {
		for _, e := range s.Extensions {
			switch e.URI {
			case description.URIMID:
				ids.MID = e.ID
			case description.URIRID:
				ids.RID = e.ID
			case description.URIRepairedRID:
				ids.RepairedRID = e.ID
			case description.URIAbsSendTime:
				ids.AbsSendTime = e.ID
			case description.URITransportCC:
				ids.TransportCC = e.ID
			case description.URIAudioLevel:
				ids.AudioLevel = e.ID
			case description.URIVideoOrientation:
				ids.VideoOrientation = e.ID
			}
		}
	}
	return ids
}
