using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// Logits of the frozen teacher for augmented images. A large teacher's forward pass costs more than training the students,
/// so its answers are kept: view v of an image is always the same crop and flip, and when the view comes round again the
/// student sees exactly the pixels the teacher answered for. What must never be cached is an answer to other pixels:
/// consistency is what makes distillation work (Beyer et al., "A good teacher is patient and consistent", 2022).
/// </summary>
public sealed class TeacherTargets : IDisposable
{
    /// <summary>Memory that kept answers may take.</summary>
    private const long MaxBytes = 1L << 30;

    private readonly FrozenParameters _parameters;
    private readonly TorchGraph _graph;
    private readonly Tensor[] _views;

    /// <param name="views">Views per image; 0 asks the teacher every time, with a new view each epoch.</param>
    public TeacherTargets(GraphSpec teacher, bool bfloat16, int samples, int classes, int views)
    {
        _parameters = new FrozenParameters(teacher, bfloat16);
        _graph = new TorchGraph(teacher, bfloat16);
        Views = views;
        _views = [.. Enumerable.Range(0, views).Select(_ => TensorArithmetic.Full([samples, classes], float.NaN).DetachFromDisposeScope())];
    }

    public int Views { get; }

    public static int MostViews(int samples, int classes) => (int)Math.Min(64, MaxBytes / (sizeof(float) * (long)samples * classes));

    public IEnumerable<(string Name, Tensor Value)> State => _views.Select((v, i) => ($"targets/{i}", v));

    /// <summary>The view that an epoch shows.</summary>
    public int ViewOf(int epoch) => Views == 0 ? epoch : epoch % Views;

    /// <summary>Views of images that the teacher has not answered for yet.</summary>
    public long Unanswered => _views.Sum(Unknown);

    /// <summary>[N, classes], float32.</summary>
    /// <param name="asked">Whether the teacher had to compute for the whole batch; for single images, which an epoch left over, it does at any time.</param>
    public Tensor For(BatchPlan plan, Tensor input, out bool asked)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        asked = true;
        if (Views == 0)
            return _graph.Run(input, _parameters.Lookup, training: false).MoveToOuterDisposeScope();
        var rows = torch.tensor(Array.ConvertAll(plan.Samples, s => (long)s));
        var known = _views[plan.View].index_select(0, rows);
        var missing = known.isnan().any(1).nonzero().flatten();
        asked = missing.shape[0] == rows.shape[0];
        if (missing.shape[0] > 0)
        {
            var answer = _graph.Run(asked ? input : input.index_select(0, missing), _parameters.Lookup, training: false);
            known.index_copy_(0, missing, answer);
            _views[plan.View].index_copy_(0, rows.index_select(0, missing), answer);
        }
        return known.MoveToOuterDisposeScope();
    }

    private static long Unknown(Tensor view)
    {
        using var scope = torch.NewDisposeScope();
        return view.select(1, 0).isnan().sum().item<long>();
    }

    public void Dispose()
    {
        _parameters.Dispose();
        foreach (var view in _views)
            view.Dispose();
    }
}
