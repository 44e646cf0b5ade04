using System.Diagnostics.CodeAnalysis;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Compression;

/// <summary>Whether the teacher changes while it teaches.</summary>
public enum TeacherMode
{
    /// <summary>A frozen copy; the students share weights with one another.</summary>
    Fixed,

    /// <summary>A trainable copy learns from the labels along with the students, which are slices of it.</summary>
    Joint,
}

/// <summary>Of what blocks students may be.</summary>
public enum BlockChoice
{
    /// <summary>Slices of the teacher, or mobile blocks where they are better within the same cost (<see cref="Family.FamilyPlanner"/>).</summary>
    Auto,

    /// <summary>Slices of the teacher only.</summary>
    Sliced,

    /// <summary>Depthwise-separable blocks wherever the teacher has full convolutions.</summary>
    Mobile,
}

/// <summary>What to compress, with which data, for which boards, in what time.</summary>
public sealed record CompressionOptions : TrainingOptions
{
    public CompressionOptions()
    {
    }

    /// <summary>The rest at its defaults.</summary>
    [SetsRequiredMembers]
    public CompressionOptions(TrainingOptions run, IReadOnlyList<DeviceProfile> profiles)
        : base(run) => Profiles = profiles;

    /// <summary>At least one board.</summary>
    public required IReadOnlyList<DeviceProfile> Profiles { get; init; }

    /// <summary>Students of different sizes for each profile.</summary>
    public int Students { get; init; } = 3;

    /// <summary>How many times smaller than the teacher's file each student's is at least, in place of <see cref="Students"/>; above 1.</summary>
    public IReadOnlyList<double> Times { get; init; } = [];

    public TeacherMode Teacher { get; init; } = TeacherMode.Fixed;

    public BlockChoice Blocks { get; init; }

    /// <summary>Fitted cost models by profile id; a profile that is not listed gets its published one.</summary>
    public IReadOnlyDictionary<string, CostModel> CostModels { get; init; } = new Dictionary<string, CostModel>();

    /// <summary>Budgets of the command line; a member that is set overrides every profile's own.</summary>
    public ProfileBudgets Budgets { get; init; } = new();

    /// <summary>Name of the model in the manifests; null takes the model's file name.</summary>
    public string? Name { get; init; }

    internal override string Distinction => FormattableString.Invariant($"{string.Join(';', Profiles.Select(p => $"{p.Id}/{p.Int8.ChannelMultiple}/{p.Int8.Activations}"))}|{StudentSizes()}|{Teacher}|{Budgets}|{Blocks}");

    private protected override string Command => "compress";

    internal override IEnumerable<(string Name, string? Value)> Arguments
    {
        get
        {
            foreach (var argument in base.Arguments)
                yield return argument;
            foreach (var profile in Profiles)
                yield return ("--profile", profile.Id);
            yield return Times.Count > 0 ? ("--times", StudentSizes()) : ("--students", StudentSizes());
            yield return ("--teacher", Teacher == TeacherMode.Joint ? "joint" : "fixed");
            if (Blocks != BlockChoice.Auto)
                yield return ("--blocks", Blocks == BlockChoice.Mobile ? "mobile" : "sliced");
            if (Name is not null)
                yield return ("--name", Name);
            if (Budgets.MaxLatencyMs is { } ms)
                yield return ("--max-latency-ms", FormattableString.Invariant($"{ms}"));
            if (Budgets.MaxModelBytes is { } bytes)
                yield return ("--max-model-bytes", FormattableString.Invariant($"{bytes}"));
            if (Budgets.MaxEnergyMj is { } mj)
                yield return ("--max-energy-mj", FormattableString.Invariant($"{mj}"));
            if (Budgets.MinAccuracy is { } least)
                yield return ("--min-accuracy", FormattableString.Invariant($"{least}"));
        }
    }

    private string StudentSizes() => Times.Count > 0 ? string.Join(',', Times.Select(t => FormattableString.Invariant($"{t}"))) : FormattableString.Invariant($"{Students}");
}
