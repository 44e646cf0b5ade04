using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression;

/// <summary>Whether the teacher changes while it teaches.</summary>
public enum TeacherMode
{
    /// <summary>A frozen copy; the students share weights with one another.</summary>
    Fixed,

    /// <summary>A trainable copy learns from the labels along with the students, which are slices of it.</summary>
    Joint,
}

/// <summary>What to compress, with which data, for which boards, in what time.</summary>
public sealed record CompressionOptions
{
    /// <summary>The teacher: a file that <c>ModelImporter</c> reads, one image input, one output of logits or probabilities.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Folder or zip of class folders to train with.</summary>
    public required string DataPath { get; init; }

    /// <summary>Images to choose by; null splits a tenth of the training data off.</summary>
    public string? ValidationPath { get; init; }

    /// <summary>Images that are read once, after the choice is on disk.</summary>
    public string? TestPath { get; init; }

    /// <summary>Where students, reports and checkpoints go; created if absent.</summary>
    public required string OutDirectory { get; init; }

    /// <summary>At least one board.</summary>
    public required IReadOnlyList<DeviceProfile> Profiles { get; init; }

    /// <summary>Students of different sizes for each profile.</summary>
    public int Students { get; init; } = 3;

    /// <summary>Wall time of the whole run, kept within a tenth.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromMinutes(30);

    public TeacherMode Teacher { get; init; } = TeacherMode.Fixed;

    /// <summary>Continue the checkpoint in <see cref="OutDirectory"/>; without one, start from the beginning.</summary>
    public bool Resume { get; init; }

    /// <summary>Seeds the split, the order, the augmentation.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads for training; 0 takes all processors.</summary>
    public int Threads { get; init; }

    /// <summary>Null: RGB 0..255 in the size of the model's input.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>Fitted cost models by profile id; a profile that is not listed gets its published one.</summary>
    public IReadOnlyDictionary<string, CostModel> CostModels { get; init; } = new Dictionary<string, CostModel>();

    /// <summary>Budgets of the command line; a member that is set overrides every profile's own.</summary>
    public ProfileBudgets Budgets { get; init; } = new();

    /// <summary>Name of the model in the manifests; null takes the model's file name.</summary>
    public string? Name { get; init; }

    /// <summary>Decoded images that may stay in memory, in bytes; beyond it images are decoded each time.</summary>
    public long ImageMemoryBytes { get; init; } = 2L << 30;
}
