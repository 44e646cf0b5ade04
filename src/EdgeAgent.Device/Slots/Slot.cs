using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Device.Slots;

/// <summary>One of the two places of a model: one serves, the other takes the next package.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<Slot>))]
internal enum Slot
{
    A,
    B,
}

/// <param name="Digest">The package in a slot.</param>
/// <param name="Manifest">Its manifest; the signature was checked when it was read.</param>
internal sealed record SlotPackage(Sha256Digest Digest, Manifest Manifest);
