using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// Evaluates a graph in float32, node by node: the reference for importers, exporters and rewrites. Vectorised and
/// multi-threaded; needs no native library. Results do not depend on the number of threads.
/// </summary>
/// <remarks>One <see cref="Run"/> at a time; create one interpreter for each concurrent caller.</remarks>
public sealed class GraphInterpreter
{
    private readonly GraphSpec _graph;
    private readonly ParallelOptions _parallel;
    private readonly BufferPool _pool = new();
    private readonly Dictionary<string, int> _readers;
    private readonly Dictionary<Node, Convolution> _convolutions = [];
    private readonly Dictionary<Node, PackedRows> _packed = [];
    private string _lastShapes = "";

    /// <param name="graph">Verified here; its shapes are inferred once, so that faults surface before data does.</param>
    /// <param name="threads">Upper bound of worker threads; 0 takes all processors.</param>
    /// <exception cref="InvalidGraphException">The graph is not well formed.</exception>
    public GraphInterpreter(GraphSpec graph, int threads = 0)
    {
        _graph = graph.Verify();
        _parallel = new() { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount };
        ShapeInference.Infer(graph, -1);
        _readers = graph.Nodes.SelectMany(n => n.Inputs).Concat(graph.Outputs.Select(o => o.Name)).CountBy(name => name).ToDictionary();
        foreach (var node in graph.Nodes)
            Prepare(node);
    }

    /// <summary>Evaluates the graph; all inputs must be given, their batch is free where the graph's is.</summary>
    /// <returns>The graph's outputs by name, in arrays of their own.</returns>
    /// <exception cref="ArgumentException">An input is missing or its type or shape does not fit.</exception>
    public IReadOnlyDictionary<string, Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs)
    {
        var values = new LiveValues(_readers, _pool);
        foreach (var input in _graph.Inputs)
            values.AddForeign(input.Name, Checked(input, inputs));
        foreach (var (name, tensor) in _graph.Constants)
            values.AddForeign(name, tensor);
        // Buffers of another batch size would only be kept, never used.
        var shapes = string.Join(';', _graph.Inputs.Select(i => string.Join(',', values[i.Name]!.Shape)));
        if (shapes != _lastShapes)
            _pool.Clear();
        _lastShapes = shapes;

        foreach (var node in _graph.Nodes)
        {
            foreach (var (name, tensor) in node.Outputs.Zip(Evaluate(node, values)))
                values.Add(name, tensor);
            foreach (var input in node.Inputs)
                values.Release(input);
        }
        return _graph.Outputs.DistinctBy(o => o.Name).ToDictionary(o => o.Name, o => values.Take(o.Name));
    }

    private void Prepare(Node node)
    {
        if (node.Op is Conv conv && _graph.Constants.TryGetValue(node.Inputs[1], out var weights)
            && (node.Inputs.Count < 3 || node.Inputs[2].Length == 0 || _graph.Constants.ContainsKey(node.Inputs[2])))
            _convolutions[node] = new(conv, weights, node.Inputs.Count > 2 ? _graph.Constants.GetValueOrDefault(node.Inputs[2]) : null);
        else if (node.Op is Gemm gemm && _graph.Constants.TryGetValue(node.Inputs[1], out var b))
            _packed[node] = Products.Pack(gemm, b);
        else if (node.Op is MatMul && _graph.Constants.TryGetValue(node.Inputs[1], out var right) && right.Shape.Length == 2)
            _packed[node] = Products.Pack(right, 0);
    }

    private Tensor[] Evaluate(Node node, LiveValues values)
    {
        if (node.Op is RecurrentOperator recurrent)
            return Recurrence.Run(recurrent, [.. node.Inputs.Select(name => name.Length == 0 ? null : values[name])], _parallel);
        return [EvaluateSingle(node, values)];
    }

    private Tensor EvaluateSingle(Node node, LiveValues values)
    {
        var inputs = node.Inputs.Select(name => name.Length == 0 ? null : values[name]).ToArray();
        var spec = ShapeInference.Infer(node, name => values[name] is { } t ? new ValueSpec(name, t.Type, t.Shape) : null)[0];
        var x = inputs[0]!;
        switch (node.Op)
        {
            case Identity or Reshape or Flatten:
                return x.Reshape(spec.Shape);
            case Transpose or Concat or Pad or StridedSlice or Gather or Expand or Where:
                return Move(node.Op, inputs, spec);
            case ReduceMean:
                break;
            case ReduceOperator reduce:
                return Reductions.Run(reduce, x, spec.Shape);
            case ArgMax arg:
                return Reductions.ArgMax(arg.Axis < 0 ? arg.Axis + x.Shape.Length : arg.Axis, x, spec.Shape);
            case Cast cast:
                return cast.To == x.Type ? Tensor.Copy(x) : Casting.Run(x, cast.To);
            case Not:
                return Tensor.Of(Array.ConvertAll((bool[])x.Data, v => !v), x.Shape);
            case ComparisonOperator or LogicalOperator:
            case BinaryOperator when x.Type != ElementType.Float32 || node.Op is not (Add or Sub or Mul or Div):
                return TypedArithmetic.Run(node.Op, x, inputs[1]!, spec.Shape);
            case QuantizeLinear quantize:
                return Quantizing.Quantize(quantize, x, inputs[1]!, inputs[2]!);
            case Abs or Neg when x.Type != ElementType.Float32:
                var negative = TypedArithmetic.Run(new Sub(), Casting.Run(Tensor.Of([0L], []), x.Type), x, spec.Shape);
                return node.Op is Neg ? negative : TypedArithmetic.Run(new Max(), x, negative, spec.Shape);
            case UnaryOperator when values.IsLastReader(node.Inputs[0]):
                Elementwise.Unary(node.Op, x.Floats, x.Floats, _parallel);
                return x;
        }
        if (spec.Type != ElementType.Float32)
            throw new InvalidGraphException($"node '{node.Name}' ({node.Op.Type}): arithmetic on {spec.Type} is not supported");
        var y = Tensor.Of(_pool.Rent(checked((int)spec.Shape.Aggregate(1L, (a, d) => a * d))), spec.Shape);
        Compute(node, x, inputs, y);
        return y;
    }

    private void Compute(Node node, Tensor x, Tensor?[] inputs, Tensor y)
    {
        switch (node.Op)
        {
            case Conv conv:
                var convolution = _convolutions.GetValueOrDefault(node) ?? new Convolution(conv, inputs[1]!, inputs.ElementAtOrDefault(2));
                convolution.Run(x, y, _pool, _parallel);
                break;
            case ConvTranspose conv:
                TransposedConvolution.Run(conv, x, inputs[1]!, inputs.ElementAtOrDefault(2), y, _parallel);
                break;
            case Gemm gemm:
                Products.Gemm(gemm, x, _packed.GetValueOrDefault(node) ?? Products.Pack(gemm, inputs[1]!), inputs.ElementAtOrDefault(2), y, _parallel);
                break;
            case MatMul:
                Products.MatMul(x, inputs[1]!, _packed.GetValueOrDefault(node), y, _parallel);
                break;
            case BatchNormalization normalization:
                Normalization.Run(normalization.Epsilon, x, inputs, y, _parallel);
                break;
            case UnaryOperator:
                Elementwise.Unary(node.Op, x.Floats, y.Floats, _parallel);
                break;
            case BinaryOperator:
                Elementwise.Binary(node.Op, x, inputs[1]!, y, _parallel);
                break;
            case MaxPool pool:
                Pooling.Max(Plane.Of(pool.Window), x, y, _parallel);
                break;
            case AveragePool pool:
                Pooling.Average(Plane.Of(pool.Window), pool.CountIncludePad, x, y, _parallel);
                break;
            case GlobalAveragePool:
                Pooling.GlobalAverage(x, y, _parallel);
                break;
            case GlobalMaxPool:
                Pooling.GlobalMax(x, y, _parallel);
                break;
            case ReduceMean mean:
                Pooling.Mean(Array.ConvertAll(mean.Axes, a => a < 0 ? a + x.Shape.Length : a), x, y);
                break;
            case Softmax softmax:
                Softmaxing.Run(softmax.Axis < 0 ? softmax.Axis + x.Shape.Length : softmax.Axis, x, y, _parallel);
                break;
            case LogSoftmax softmax:
                Softmaxing.Run(softmax.Axis < 0 ? softmax.Axis + x.Shape.Length : softmax.Axis, x, y, _parallel, log: true);
                break;
            case LayerNormalization normalization:
                var axis = normalization.Axis < 0 ? normalization.Axis + x.Shape.Length : normalization.Axis;
                Normalization.Layer(axis, normalization.Epsilon, x, inputs[1]!, inputs.ElementAtOrDefault(2), y, _parallel);
                break;
            case Resize resize:
                Resizing.Run(resize, x, y, _parallel);
                break;
            case DequantizeLinear dequantize:
                Quantizing.Dequantize(dequantize.Axis, x, inputs[1]!, inputs[2]!, y.Floats);
                break;
            default:
                throw new InvalidGraphException($"node '{node.Name}' ({node.Op.Type}) is not supported by the interpreter");
        }
    }

    private Tensor Move(Operator op, Tensor?[] inputs, ValueSpec spec)
    {
        var count = (int)spec.Shape.Aggregate(1L, (a, d) => a * d);
        switch (spec.Type)
        {
            case ElementType.Float32:
                var floats = _pool.Rent(count);
                Move(op, inputs, floats, spec.Shape);
                return Tensor.Of(floats, spec.Shape);
            case ElementType.UInt8:
                return Tensor.Of(Move(op, inputs, new byte[count], spec.Shape), spec.Shape);
            case ElementType.Int8:
                return Tensor.Of(Move(op, inputs, new sbyte[count], spec.Shape), spec.Shape);
            case ElementType.Int32:
                return Tensor.Of(Move(op, inputs, new int[count], spec.Shape), spec.Shape);
            case ElementType.Int64:
                return Tensor.Of(Move(op, inputs, new long[count], spec.Shape), spec.Shape);
            default:
                return Tensor.Of(Move(op, inputs, new bool[count], spec.Shape), spec.Shape);
        }
    }

    private static T[] Move<T>(Operator op, Tensor?[] inputs, T[] target, int[] shape)
    {
        var x = inputs[0]!;
        switch (op)
        {
            case Transpose transpose:
                Layout.Transpose<T>(transpose.Permutation, (T[])x.Data, x.Shape, target);
                break;
            case Pad pad:
                Layout.Pad(pad.Pads, (T)Convert.ChangeType(pad.Value, typeof(T)), (T[])x.Data, x.Shape, target, shape);
                break;
            case StridedSlice slice:
                Layout.Slice<T>(SliceRanges.Of(slice, x.Shape), (T[])x.Data, x.Shape, target);
                break;
            case Gather gather:
                Layout.Gather<T>(gather.Axis < 0 ? gather.Axis + x.Shape.Length : gather.Axis, (T[])x.Data, x.Shape, Casting.Integers(inputs[1]!), target);
                break;
            case Expand:
                Layout.Pick<T>((T[])x.Data, Broadcasting.Indices(x.Shape, shape), target);
                break;
            case Where:
                var (condition, first, second) = ((bool[])x.Data, (T[])inputs[1]!.Data, (T[])inputs[2]!.Data);
                var (c, a, b) = (Broadcasting.Indices(x.Shape, shape), Broadcasting.Indices(inputs[1]!.Shape, shape), Broadcasting.Indices(inputs[2]!.Shape, shape));
                for (var i = 0; i < target.Length; i++)
                    target[i] = condition[c[i]] ? first[a[i]] : second[b[i]];
                break;
            case Concat concat:
                var axis = concat.Axis < 0 ? concat.Axis + shape.Length : concat.Axis;
                var offset = 0;
                foreach (var part in inputs)
                {
                    Layout.Place<T>((T[])part!.Data, part.Shape, axis, offset, target, shape[axis]);
                    offset += part.Shape[axis];
                }
                break;
        }
        return target;
    }

    private static Tensor Checked(ValueSpec input, IReadOnlyDictionary<string, Tensor> inputs)
    {
        if (!inputs.TryGetValue(input.Name, out var tensor))
            throw new ArgumentException($"input '{input.Name}' is missing");
        var fits = tensor.Type == input.Type && tensor.Shape.Length == input.Shape.Length
            && !tensor.Shape.Where((d, i) => input.Shape[i] >= 0 && input.Shape[i] != d || d < 1).Any();
        return fits
            ? tensor
            : throw new ArgumentException($"input '{input.Name}' is {tensor.Type} [{string.Join(',', tensor.Shape)}], the model takes {input.Type} [{string.Join(',', input.Shape)}]");
    }
}
