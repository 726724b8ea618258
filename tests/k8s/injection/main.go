// Injection does to a pod what the API server does with a MutatingAdmissionPolicy, by the API server's own code: it compiles the
// expressions, asks the match conditions, applies the patches, and prints the pod as it is then. Status 1 and the reason if an
// expression is wrong; status 3 if the policy does not match.
//
//	injection MANIFESTS POD
//
// MANIFESTS: rendered, with one policy in them. POD: a pod in YAML.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	policyv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

var errNoMatch = errors.New("the policy does not match this pod")

type allow struct{}

func (allow) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionAllow, "", nil
}

func findPolicy(manifests string) (*policyv1.MutatingAdmissionPolicy, error) {
	for _, document := range strings.Split(manifests, "\n---") {
		policy := &policyv1.MutatingAdmissionPolicy{}
		if err := yaml.Unmarshal([]byte(document), policy); err == nil && policy.Kind == "MutatingAdmissionPolicy" {
			return policy, nil
		}
	}
	return nil, errors.New("there is no policy in the manifests")
}

func isMatch(compiler *plugincel.CompositedCompiler, policy *policyv1.MutatingAdmissionPolicy, attributes *admission.VersionedAttributes,
	options plugincel.OptionalVariableDeclarations) (bool, error) {
	var accessors []plugincel.ExpressionAccessor
	for i := range policy.Spec.MatchConditions {
		accessors = append(accessors, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i]))
	}
	evaluator := compiler.CompileCondition(accessors, options, environment.StoredExpressions)
	result := matchconditions.NewMatcher(evaluator, policy.Spec.FailurePolicy, "policy", "validate", policy.Name).
		Match(context.Background(), attributes, nil, allow{})
	return result.Matches, result.Error
}

func mutate(policy *policyv1.MutatingAdmissionPolicy, pod *corev1.Pod) (runtime.Object, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	options := plugincel.OptionalVariableDeclarations{HasAuthorizer: true}
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, err
	}
	kind := schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	resource := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	var object runtime.Object = pod
	for _, mutation := range policy.Spec.Mutations {
		record := admission.NewAttributesRecord(object, nil, kind, pod.Namespace, pod.Name, resource, "", admission.Create,
			&metav1.CreateOptions{}, false, nil)
		attributes := &admission.VersionedAttributes{Attributes: record, VersionedKind: kind, VersionedObject: object}
		if matches, err := isMatch(compiler, policy, attributes, options); err != nil || !matches {
			return nil, errors.Join(errNoMatch, err)
		}
		patching := options
		patching.HasPatchTypes = true
		evaluator := compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression}, patching,
			environment.StoredExpressions)
		object, err = patch.NewJSONPatcher(evaluator).Patch(context.Background(), patch.Request{
			MatchedResource:     resource,
			VersionedAttributes: attributes,
			ObjectInterfaces:    admission.NewObjectInterfacesFromScheme(scheme),
			OptionalVariables:   plugincel.OptionalVariableBindings{Authorizer: allow{}},
		}, celconfig.RuntimeCELCostBudget)
		if err != nil {
			return nil, err
		}
	}
	return object, nil
}

func run(manifests, podFile string) error {
	text, err := os.ReadFile(manifests)
	if err != nil {
		return err
	}
	policy, err := findPolicy(string(text))
	if err != nil {
		return err
	}
	pod := &corev1.Pod{}
	if text, err = os.ReadFile(podFile); err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, pod); err != nil {
		return err
	}
	mutated, err := mutate(policy, pod)
	if err != nil {
		return err
	}
	out, err := yaml.Marshal(mutated)
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	return err
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: injection MANIFESTS POD")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "injection:", err)
		if errors.Is(err, errNoMatch) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}
