using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// The weights of students of different widths and of one kind of blocks. They share them: a student's weight is the
/// leading part of the shared one, a view whose gradient adds to it. Batch-norms belong to each student alone, since narrow and
/// wide models have other statistics (Yu et al., "Slimmable Neural Networks", 2019).
/// </summary>
internal sealed class WeightSet : IDisposable
{
    private readonly Dictionary<string, Tensor> _shared = [];
    private readonly Dictionary<string, Tensor> _fixed = [];
    private readonly Dictionary<string, Tensor>[] _own;
    private readonly Slice[] _slices;
    private readonly string _prefix;
    private readonly List<TrainedTensor> _trained = [];
    private readonly List<(string Name, Tensor Value)> _statistics = [];

    /// <param name="prefix">Of the names of what is trained: sets may have constants of the same name.</param>
    public WeightSet(SliceableModel model, IReadOnlyList<StudentShape> students, string prefix)
    {
        var master = model.Graph;
        _prefix = prefix;
        _slices = [.. students.Select(s => new Slice(model.Groups, s.Counts))];
        Graphs = [.. _slices.Select(s => s.Apply(master))];
        _own = [.. students.Select(_ => new Dictionary<string, Tensor>())];

        var weights = master.Nodes.SelectMany(WeightsOf).Where(n => master.Constants.GetValueOrDefault(n) is { Type: ElementType.Float32 }).ToHashSet();
        var norms = master.Nodes.Where(n => n.Op is BatchNormalization).SelectMany(n => n.Inputs.Skip(1).Select((name, i) => (name, i))).GroupBy(n => n.name).ToDictionary(g => g.Key, g => g.First().i);
        foreach (var (name, constant) in master.Constants.OrderBy(c => c.Key, StringComparer.Ordinal))
            if (weights.Contains(name))
            {
                _shared[name] = Leaf(constant, trained: true);
                _trained.Add(new(prefix + name, _shared[name], constant.Shape.Length > 1));
            }
            else if (!norms.ContainsKey(name) && constant.Type is not (ElementType.UInt8 or ElementType.Int8))
                _fixed[name] = Leaf(constant, trained: false);
        for (var s = 0; s < students.Count; s++)
            foreach (var (name, role) in norms.OrderBy(n => n.Key, StringComparer.Ordinal))
                Own(s, name, Leaf(Graphs[s].Constants[name], trained: role < 2), decays: false);
    }

    /// <summary>Each student's graph; its constants are the initial numbers.</summary>
    public IReadOnlyList<GraphSpec> Graphs { get; }

    public IReadOnlyList<TrainedTensor> Trained => _trained;

    /// <summary>What is trained, and the norms' running statistics.</summary>
    public IEnumerable<(string Name, Tensor Value)> State => _trained.Select(t => (t.Name, t.Value)).Concat(_statistics);

    /// <summary>The numbers of one student, as views that pass gradients on to the weights that it shares.</summary>
    public ParameterLookup Student(int student) => name =>
    {
        if (_own[student].TryGetValue(name, out var own))
            return own;
        var whole = _shared.TryGetValue(name, out var shared) ? shared : _fixed[name];
        for (var axis = 0; axis < whole.dim(); axis++)
            if (_slices[student].Kept(name, axis) is { } kept && kept.Length < whole.shape[axis])
                whole = Part(whole, axis, kept);
        return whole;
    };

    public void Dispose()
    {
        foreach (var tensor in _shared.Values.Concat(_fixed.Values).Concat(_own.SelectMany(o => o.Values)))
            tensor.Dispose();
    }

    private void Own(int student, string name, Tensor value, bool decays)
    {
        _own[student][name] = value;
        if (value.requires_grad)
            _trained.Add(new($"{_prefix}{student}/{name}", value, decays));
        else
            _statistics.Add(($"{_prefix}{student}/{name}", value));
    }

    /// <summary>Inputs of a node that training may change, if they are constants.</summary>
    private static IEnumerable<string> WeightsOf(Node node) => node.Op switch
    {
        Conv or Gemm or MatMul or LayerNormalization or RecurrentOperator or PRelu => node.Inputs.Skip(1),
        // An embedding.
        Gather { Axis: 0 } => node.Inputs.Take(1),
        _ => [],
    };

    private static Tensor Leaf(EdgeAgent.Graph.Ir.Tensor constant, bool trained)
    {
        var leaf = constant.ToTorch().DetachFromDisposeScope();
        leaf.requires_grad = trained;
        return leaf;
    }

    /// <summary>Leading positions are a plain view; positions in several runs (behind a concatenation) are views joined together.</summary>
    private static Tensor Part(Tensor whole, int axis, int[] kept)
    {
        var runs = new List<Tensor>();
        for (var start = 0; start < kept.Length;)
        {
            var end = start + 1;
            while (end < kept.Length && kept[end] == kept[end - 1] + 1)
                end++;
            runs.Add(whole.narrow(axis, kept[start], end - start));
            start = end;
        }
        return runs.Count == 1 ? runs[0] : torch.cat(runs.ToArray(), axis);
    }
}
