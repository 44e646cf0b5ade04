using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using EdgeAgent.Compression.Checkpoints;
using EdgeAgent.Compression.Family;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Passes;

/// <summary>What the first passes of a run decided; a resumed run repeats it instead of measuring again.</summary>
public interface IStoredPlan
{
    /// <summary>Hash of model, data and options.</summary>
    string Fingerprint { get; }

    /// <summary>Time of the budget used when it was stored.</summary>
    double ElapsedSeconds { get; }
}

/// <summary>The plan of a compression.</summary>
/// <param name="Crops">Crops of each image that the teacher answers for; 0 with a teacher that is trained along.</param>
/// <param name="StepSeconds">Calibrated time of a training step of all students.</param>
/// <param name="TeacherSeconds">Calibrated time of the frozen teacher's forward pass.</param>
public sealed record StoredPlan(
    string Fingerprint, IReadOnlyList<StudentShape> Shapes, IReadOnlyDictionary<string, IReadOnlyList<PlannedStudent>> ByProfile,
    int BatchSize, int Crops, double StepSeconds, double TeacherSeconds, OverheadReport Overhead, Timetable Timetable, double ElapsedSeconds) : IStoredPlan;

/// <summary>The output directory: <c>PROFILE/STUDENT/</c> with the students, <c>family.json</c>, and <c>.compress/</c> with the run's own state.</summary>
public sealed class Workspace
{
    /// <summary>Checkpoints, students and reports of a large family; more than any run here has needed.</summary>
    private const long MinFreeBytes = 256L << 20;

    private Workspace(string directory) => Directory = directory;

    public string Directory { get; }

    private string State => Path.Combine(Directory, ".compress");

    private string PlanPath => Path.Combine(State, "plan.json");

    public string CheckpointPath(string pass) => Path.Combine(State, $"{pass}.ckpt");

    /// <summary>The teacher's answers that <paramref name="pass"/>, and what follows it, learns from.</summary>
    public string AnswersPath(string pass) => Path.Combine(State, $"{pass}.answers");

    public string QuantizedTeacherPath => Path.Combine(Directory, QuantizedTeacher.FolderName, "model.onnx");

    public string StatePath(string name) => Path.Combine(State, name);

    /// <summary>Creates the directory and proves that it can be written.</summary>
    /// <exception cref="InputException">It cannot, or the disk is nearly full.</exception>
    public static Workspace Open(string directory)
    {
        var workspace = new Workspace(Path.GetFullPath(directory));
        try
        {
            System.IO.Directory.CreateDirectory(workspace.State);
            var probe = Path.Combine(workspace.State, "write.probe");
            File.WriteAllBytes(probe, [1]);
            File.Delete(probe);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{directory}: cannot be written ({fault.Message.ReplaceLineEndings(" ")}); choose another --out", fault);
        }
        var free = new DriveInfo(workspace.Directory).AvailableFreeSpace;
        if (free < MinFreeBytes)
            throw new InputException($"{directory}: only {free >> 20} MB are free on its disk, {MinFreeBytes >> 20} MB are needed; free some or choose another --out");
        return workspace;
    }

    /// <summary>The answers of a teacher, twice while they are written, must have a place beside everything else.</summary>
    /// <exception cref="InputException">The disk is too full for them.</exception>
    public void RequireSpaceFor(long answerBytes)
    {
        var (free, needed) = (new DriveInfo(Directory).AvailableFreeSpace, MinFreeBytes + 2 * answerBytes);
        if (free < needed)
            throw new InputException($"{Directory}: only {free >> 20} MB are free on its disk, {needed >> 20} MB are needed, most of them for the teacher's answers; free some or choose another --out");
    }

    /// <summary>The plan of an interrupted run of the same inputs; null when there is none to continue.</summary>
    /// <exception cref="InputException">There is one, but of other inputs.</exception>
    public T? Resume<T>(string fingerprint, JsonTypeInfo<T> type)
        where T : class, IStoredPlan
    {
        if (!File.Exists(PlanPath))
            return null;
        T? plan;
        try
        {
            plan = JsonSerializer.Deserialize(File.ReadAllBytes(PlanPath), type);
        }
        catch (JsonException fault)
        {
            throw new InputException($"{PlanPath}: damaged; start again without --resume", fault);
        }
        if (plan?.Fingerprint != fingerprint)
            throw new InputException($"{Directory}: holds a run of another model, other data or other options; repeat the command it was started with, or start again without --resume");
        return plan;
    }

    /// <summary>
    /// Forgets an earlier run's state; its finished students stay until they are written over, its teacher in int8 does not: a
    /// run may leave that out, and another teacher's would be taken for its own.
    /// </summary>
    public void Clear()
    {
        foreach (var file in System.IO.Directory.EnumerateFiles(State))
            File.Delete(file);
        if (File.Exists(QuantizedTeacherPath))
            File.Delete(QuantizedTeacherPath);
    }

    public void Save<T>(T plan, JsonTypeInfo<T> type)
        where T : IStoredPlan => WriteAtomically(PlanPath, JsonSerializer.SerializeToUtf8Bytes(plan, type));

    /// <summary>Budget time that an interrupted run had used, from its newest state.</summary>
    public TimeSpan ElapsedBefore(IStoredPlan plan) => TimeSpan.FromSeconds(System.IO.Directory.EnumerateFiles(State, "*.ckpt")
        .Select(path => Checkpoint.ReadHeader(path).ElapsedSeconds).Append(plan.ElapsedSeconds).Max());

    /// <summary>Budget time that a run of the same inputs had used when it was stopped before it had a plan; null when there is none to continue.</summary>
    public TimeSpan? ElapsedUnplanned(string fingerprint)
    {
        var headers = System.IO.Directory.EnumerateFiles(State, "*.ckpt").Select(Checkpoint.ReadHeader).Where(h => h.Fingerprint == fingerprint).ToArray();
        return headers.Length == 0 ? null : TimeSpan.FromSeconds(headers.Max(h => h.ElapsedSeconds));
    }

    public static void WriteAtomically(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(StoredPlan))]
[JsonSerializable(typeof(Pruning.PruningPlan))]
internal sealed partial class WorkspaceJson : JsonSerializerContext;
