using EdgeAgent.Compression.Checkpoints;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// Logits of the frozen teacher for augmented images. A large teacher's forward pass costs more than training the students,
/// so its answers are kept: view v of an image is always the same crop, and when the view comes round again the
/// student sees exactly the pixels the teacher answered for, or their mirror image, where that is known to be the same to the
/// teacher. What must never be cached is an answer to other pixels: consistency is what makes distillation work (Beyer et al.,
/// "A good teacher is patient and consistent", 2022).
/// </summary>
/// <remarks>
/// On disk they have a file of their own, which the passes that learn from them share: with a checkpoint of each pass they would be there as
/// often. It is written before a checkpoint, and may be newer: an answer is the same whenever it was given.
/// </remarks>
public sealed class TeacherTargets : IDisposable
{
    /// <summary>Memory that kept answers may take.</summary>
    private const long MaxBytes = 1L << 30;

    private readonly FrozenParameters _parameters;
    private readonly TorchGraph _graph;
    private readonly Tensor[] _crops;
    private string? _path;
    private bool _changed;

    /// <param name="images">What the teacher is asked about.</param>
    /// <param name="crops">Answers kept for each image; 0 asks the teacher every time, with a new view each epoch.</param>
    public TeacherTargets(GraphSpec teacher, bool bfloat16, BatchSource images, int classes, int crops)
    {
        _parameters = new FrozenParameters(teacher, bfloat16);
        _graph = new TorchGraph(teacher, bfloat16);
        (Crops, Sides) = (crops, images.Sides);
        _crops = [.. Enumerable.Range(0, crops).Select(_ => TensorArithmetic.Full([images.Count, classes], float.NaN).DetachFromDisposeScope())];
    }

    /// <summary>Answers kept for each image.</summary>
    public int Crops { get; }

    /// <summary>Views of an image that an answer is for.</summary>
    public int Sides { get; }

    public static int MostCrops(int samples, int classes) => (int)Math.Min(64, MaxBytes / BytesOf(samples, classes, 1));

    /// <summary>Bytes of the answers to so many crops of all images.</summary>
    public static long BytesOf(int samples, int classes, int crops) => sizeof(float) * (long)samples * classes * crops;

    private IEnumerable<(string Name, Tensor Value)> State => _crops.Select((c, i) => ($"targets/{i}", c));

    /// <summary>From now on <see cref="Save"/> writes to this file.</summary>
    /// <param name="resume">Takes over what the interrupted run had there. Without the file the teacher is asked again.</param>
    /// <exception cref="InputException">The file is damaged.</exception>
    public void Keep(string path, bool resume)
    {
        _path = path;
        if (resume && Crops > 0 && Checkpoint.Exists(path))
            Checkpoint.Read(path, State);
    }

    /// <summary>Writes the answers, if there are new ones.</summary>
    public void Save()
    {
        if (_path is null || !_changed)
            return;
        Checkpoint.Write(_path, new CheckpointHeader("", "answers", 0, [], 0, Crops, new TrainingCurve().State), State);
        _changed = false;
    }

    /// <summary>Removes the file: everything that learns from the answers is done, and they are the largest part of a run's state.</summary>
    public void Forget()
    {
        if (_path is not null)
            File.Delete(_path);
        _path = null;
    }

    /// <summary>The view that an epoch shows.</summary>
    public int ViewOf(int epoch) => Crops == 0 ? epoch : epoch % (Crops * Sides);

    /// <summary>Crops of images that the teacher has not answered for yet.</summary>
    public long Unanswered => _crops.Sum(Unknown);

    /// <summary>[N, classes], float32.</summary>
    /// <param name="asked">Whether the teacher had to compute for the whole batch; for single images, which an epoch left over, it does at any time.</param>
    public Tensor For(BatchPlan plan, Tensor input, out bool asked)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        asked = true;
        if (Crops == 0)
            return _graph.Run(input, _parameters.Lookup, training: false).MoveToOuterDisposeScope();
        var answers = _crops[plan.View / Sides];
        var rows = torch.tensor(Array.ConvertAll(plan.Samples, s => (long)s));
        var known = answers.index_select(0, rows);
        var missing = known.isnan().any(1).nonzero().flatten();
        asked = missing.shape[0] == rows.shape[0];
        if (missing.shape[0] > 0)
        {
            var answer = _graph.Run(asked ? input : input.index_select(0, missing), _parameters.Lookup, training: false);
            known.index_copy_(0, missing, answer);
            answers.index_copy_(0, rows.index_select(0, missing), answer);
            _changed = true;
        }
        return known.MoveToOuterDisposeScope();
    }

    private static long Unknown(Tensor crop)
    {
        using var scope = torch.NewDisposeScope();
        return crop.select(1, 0).isnan().sum().item<long>();
    }

    public void Dispose()
    {
        _parameters.Dispose();
        foreach (var crop in _crops)
            crop.Dispose();
    }
}
