using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Attention over sequences [batch, steps, features]: products, a softmax over the steps that are attended to, and what masks take out of it.</summary>
internal static class KerasAttention
{
    /// <summary>What Keras adds to the score of a step that is masked.</summary>
    private const float Masked = -1e9f;

    /// <summary>Heads of their own projections. Weights: query, key, value and output, each a kernel and a bias.</summary>
    public static IReadOnlyList<Laid> MultiHead(KerasCall call)
    {
        var (graph, assembly) = (call.Graph, call.Graph.Assembly);
        var query = call.X;
        var value = call.Argument("value", 1) ?? query;
        var key = call.Argument("key", 2) ?? value;
        var shape = graph.Shape(query);
        if (shape.Length != graph.Shape(value).Length || shape.Length < 3 || shape.Length > 3 && !Whole(call, shape.Length))
            throw call.Fault($"attends from [{string.Join(',', shape)}] to [{string.Join(',', graph.Shape(value))}] over some of the axes, which is not supported");
        var biased = call.Config["use_bias"].Flag(true);
        var position = 0;
        (Tensor Kernel, Tensor? Bias) Next(string what, int rank) =>
            (call.WeightAt(position++, what + " kernel", rank), biased ? call.WeightAt(position++, what + " bias", rank - 1 - (what == "output" ? 1 : 0)) : null);
        var (q, k, v) = (Next("query", 3), Next("key", 3), Next("value", 3));
        var output = (Kernel: call.WeightAt(position++, "output kernel", -1), Bias: biased ? call.WeightAt(position++, "output bias", -1) : null);
        if (output.Kernel.Shape.Length != 3)
            throw call.Fault($"makes several axes of an output kernel [{string.Join(',', output.Kernel.Shape)}], which is not supported");

        // [batch, heads, steps, depth]; the keys transposed.
        string Heads(string role, Laid x, (Tensor Kernel, Tensor? Bias) weights, int[] order)
        {
            var (heads, depth) = (weights.Kernel.Shape[1], weights.Kernel.Shape[2]);
            var projected = Projected($"{call.Name}_{role}", Steps(role, x), weights.Kernel.Reshape(weights.Kernel.Shape[0], heads * depth), weights.Bias?.Reshape(heads * depth), graph);
            var apart = graph.Reshape($"{call.Name}_{role}_heads", projected, [.. graph.Shape(projected)[..2], heads, depth], call.Fault);
            return assembly.Emit($"{call.Name}_{role}_ordered", new Transpose(order), apart.Name);
        }
        Laid Steps(string role, Laid x) => shape.Length == 3
            ? x
            : graph.Reshape($"{call.Name}_{role}_steps", x, [graph.Shape(x)[0], checked(graph.Shape(x)[1..^1].Aggregate(1, (a, d) => a * d)), graph.Shape(x)[^1]], call.Fault);

        var scaled = graph.Binary(call.Name + "_scaled", new Mul(), new(Heads("query", query, q, [0, 2, 1, 3])), Number(call, "scale", 1 / MathF.Sqrt(q.Kernel.Shape[2])));
        Laid scores = new(assembly.Emit(call.Name + "_scores", new MatMul(), scaled.Name, Heads("key", key, k, [0, 2, 3, 1])));
        var (from, to) = (graph.Shape(scores)[2], graph.Shape(scores)[3]);
        // Each mask is [batch or 1, 1, queries or 1, keys or 1], 1 where a score counts.
        if (call.Argument("attention_mask", 3) is { } given)
            scores = Without(call, "given", scores, graph.Shape(given) is { Length: 3 } m ? graph.Reshape(call.Name + "_mask", AsNumbers(call, "given", given), [m[0], 1, m[1], m[2]], call.Fault) : throw call.Fault("has an attention_mask that is not [batch, queries, keys], which is not supported"));
        if (call.Option("use_causal_mask").Flag(false))
            scores = Without(call, "causal", scores, new(assembly.Constant(call.Name + "_causal", Causal(from, to))));
        foreach (var (role, masked, axis) in new[] { ("query", query, 2), ("value", value, 3), ("key", key, 3) })
            if (call.MaskOf(masked) is { } mask && (role != "key" || key != value))
                scores = Without(call, role, scores, graph.Reshape($"{call.Name}_{role}_mask", mask, axis == 2 ? [graph.Shape(mask)[0], 1, from, 1] : [graph.Shape(mask)[0], 1, 1, to], call.Fault));
        var shares = graph.Softmax(call.Name + "_shares", scores, 3);
        var mixed = assembly.Emit(call.Name + "_mixed", new MatMul(), shares.Name, Heads("value", value, v, [0, 2, 1, 3]));
        var together = assembly.Emit(call.Name + "_ordered", new Transpose([0, 2, 1, 3]), mixed);
        var (count, width) = (v.Kernel.Shape[1] * v.Kernel.Shape[2], output.Kernel.Shape[2]);
        var joined = graph.Reshape(call.Name + "_joined", new(together), [graph.Shape(new Laid(together))[0], from, count], call.Fault);
        var result = Projected(call.Name, joined, output.Kernel.Reshape(count, width), output.Bias?.Reshape(width), graph);
        if (shape.Length > 3)
            result = graph.Reshape(call.Name + "_axes", result, [.. shape[..^1], width], call.Fault);
        return call.Option("return_attention_scores").Flag(false) ? [result, shares] : [result];
    }

    /// <summary>Attention of Luong (a product of query and key) or of Bahdanau (tanh of their sum); called with [query, value] or [query, value, key].</summary>
    public static Laid Single(KerasCall call, bool additive)
    {
        var (graph, assembly) = (call.Graph, call.Graph.Assembly);
        if (call.Inputs.Count is not (2 or 3) || call.Inputs.Any(i => graph.Shape(i).Length != 3))
            throw call.Fault("is called with something else than the sequences [query, value] or [query, value, key]");
        var (query, value, key) = (call.Inputs[0], call.Inputs[1], call.Inputs[^1]);
        var (from, to, width) = (graph.Shape(query)[1], graph.Shape(key)[1], graph.Shape(query)[2]);
        var scaled = call.Config["use_scale"].Flag(additive);
        var concat = call.Config["score_mode"].Text("dot") switch
        {
            "dot" => additive,
            "concat" => true,
            var other => throw call.Fault($"score_mode '{ModelImportException.OneLine(other)}' is unknown"),
        };
        Laid scores;
        if (concat)
        {
            var rows = graph.Reshape(call.Name + "_rows", query, [graph.Shape(query)[0], from, 1, width], call.Fault);
            var columns = graph.Reshape(call.Name + "_columns", key, [graph.Shape(key)[0], 1, to, width], call.Fault);
            var sum = graph.Binary(call.Name + "_sum", new Add(), rows, columns);
            if (!additive && scaled)
                sum = graph.Binary(call.Name + "_scaled", new Mul(), sum, new(assembly.Constant(call.Name + "_scale", call.Weight("scale", 0, 0))));
            Laid bent = new(graph.Plain(graph.Unary(call.Name + "_tanh", new Tanh(), sum)));
            if (additive && scaled)
                bent = graph.Binary(call.Name + "_scaled", new Mul(), bent, new(assembly.Constant(call.Name + "_scale", call.Weight("scale", 0, 1))));
            scores = new(assembly.Emit(call.Name + "_scores", new ReduceSum([3], false), bent.Name));
            if (!additive)
                scores = graph.Binary(call.Name + "_weighed", new Mul(), scores, new(assembly.Constant(call.Name + "_weight", call.Weight("concat_score_weight", scaled ? 1 : 0, 0))));
        }
        else
        {
            scores = new(assembly.Emit(call.Name + "_scores", new MatMul(), graph.Plain(query), assembly.Emit(call.Name + "_keys", new Transpose([0, 2, 1]), graph.Plain(key))));
            if (scaled)
                scores = graph.Binary(call.Name + "_scaled", new Mul(), scores, new(assembly.Constant(call.Name + "_scale", call.Weight("scale", 0, 0))));
        }
        if (call.Config["causal"].Flag(false) || call.Option("use_causal_mask").Flag(false))
            scores = Without(call, "causal", scores, new(assembly.Constant(call.Name + "_causal", Causal(from, to))));
        if (call.MaskOf(value) is { } mask)
            scores = Without(call, "value", scores, graph.Reshape(call.Name + "_mask", mask, [graph.Shape(mask)[0], 1, to], call.Fault));
        var shares = graph.Softmax(call.Name + "_shares", scores, 2);
        Laid result = new(assembly.Emit(call.Name, new MatMul(), shares.Name, graph.Plain(value)));
        return call.MaskOf(query) is { } shown
            ? graph.Binary(call.Name + "_shown", new Mul(), result, graph.Reshape(call.Name + "_query_mask", shown, [graph.Shape(shown)[0], from, 1], call.Fault))
            : result;
    }

    /// <summary>The sum of products along one axis of either of two values; with "normalize", of vectors of length 1.</summary>
    public static Laid Dot(KerasCall call)
    {
        var (graph, assembly) = (call.Graph, call.Graph.Assembly);
        if (call.Inputs.Count != 2)
            throw call.Fault($"is called with {call.Inputs.Count} values where 2 are needed");
        var axes = call.Config["axes"].Ints(2) ?? throw call.Fault("has no axes");
        var (a, b) = (Operand(0), Operand(1));
        var (first, second) = (graph.Shape(a), graph.Shape(b));
        if (first.Length == 2 && second.Length == 2)
            return new(assembly.Emit(call.Name, new ReduceSum([1], true), graph.Binary(call.Name + "_products", new Mul(), a, b).Name));
        if (first.Length != 3 || second.Length != 3)
            throw call.Fault($"multiplies [{string.Join(',', first)}] and [{string.Join(',', second)}], which is not supported");
        var left = Index(0) == 2 ? a.Name : assembly.Emit(call.Name + "_left", new Transpose([0, 2, 1]), a.Name);
        var right = Index(1) == 1 ? b.Name : assembly.Emit(call.Name + "_right", new Transpose([0, 2, 1]), b.Name);
        return new(assembly.Emit(call.Name, new MatMul(), left, right));

        int Index(int input) => axes[input] < 0 ? axes[input] + graph.Shape(call.Inputs[input]).Length : axes[input];

        Laid Operand(int input)
        {
            Laid x = new(graph.Plain(call.Inputs[input]));
            var axis = Index(input);
            if (axis < 1 || axis >= graph.Shape(x).Length)
                throw call.Fault($"axis {axes[input]} is outside [{string.Join(',', graph.Shape(x))}]");
            return call.Config["normalize"].Flag(false) ? KerasNormalizations.UnitLength($"{call.Name}_unit_{input}", x, [axis], graph) : x;
        }
    }

    /// <summary>x W + b for every step.</summary>
    private static Laid Projected(string name, Laid x, Tensor kernel, Tensor? bias, ChannelsLastGraph graph)
    {
        Laid y = new(graph.Assembly.Emit(name, new MatMul(), graph.Plain(x), graph.Assembly.Constant(name + "_kernel", kernel)));
        return bias is null ? y : graph.Binary(name + "_biased", new Add(), y, new(graph.Assembly.Constant(name + "_bias", bias)));
    }

    /// <summary>Scores with <see cref="Masked"/> added where the mask is 0.</summary>
    private static Laid Without(KerasCall call, string role, Laid scores, Laid mask)
    {
        var missing = call.Graph.Binary($"{call.Name}_{role}_missing", new Sub(), Number(call, role + "_one", 1), mask);
        return call.Graph.Binary($"{call.Name}_{role}_masked", new Add(), scores, call.Graph.Binary($"{call.Name}_{role}_penalty", new Mul(), missing, Number(call, role + "_masked", Masked)));
    }

    private static Laid AsNumbers(KerasCall call, string role, Laid mask) => call.Graph.Cast($"{call.Name}_{role}_numbers", mask, ElementType.Float32);

    /// <summary>1 where the key is not behind the query.</summary>
    private static Tensor Causal(int queries, int keys) =>
        Tensor.Of([.. Enumerable.Range(0, checked(queries * keys)).Select(i => i % keys <= i / keys ? 1f : 0)], queries, keys);

    /// <summary>Attention over all axes between the batch and the features.</summary>
    private static bool Whole(KerasCall call, int rank) =>
        call.Config["attention_axes"].IsNull || (call.Config["attention_axes"].Ints(rank - 2) ?? []).Select(a => a < 0 ? a + rank : a).Order().SequenceEqual(Enumerable.Range(1, rank - 2));

    private static Laid Number(KerasCall call, string role, float number) => Activations.Number($"{call.Name}_{role}", number, call.Graph);
}
