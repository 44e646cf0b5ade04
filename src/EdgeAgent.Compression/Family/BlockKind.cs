using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Compression.Family;

/// <summary>What a student is built of.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<BlockKind>))]
public enum BlockKind
{
    /// <summary>The teacher's own layers, narrower: the student is a slice of the teacher.</summary>
    Sliced,

    /// <summary>The same with depthwise-separable blocks in the place of the full convolutions (<see cref="MobileBlocks"/>).</summary>
    Mobile,
}
